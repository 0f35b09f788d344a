"""What a training's own classifier says of pictures that it has not seen, of its source and of a target; and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tltk.analyses.chance import is_constant, null_without_shift, with_null
from tltk.analyses.sample import Context, Sample, by_turns, features, network, with_weights
from tltk.analyses.source_check.appearance import appearance, recolour
from tltk.analyses.source_check.result import AttributeResult, ShiftAtLayer, SourceCheckResult
from tltk.analyses.source_check.spec import SourceCheckSpec
from tltk.data.classes import UNKNOWN, match_classes, shared_classes
from tltk.data.domain import Domain, Ints, exclude_examples, link_copies
from tltk.data.pictures import KIND as PICTURES
from tltk.errors import BadSpec, TltkError
from tltk.probes.linear import ridge_probe
from tltk.runs.run import Run
from tltk.shift.class_mmd import permutation_class_mmd
from tltk.shift.multiple import holm
from tltk.shift.null import Null
from tltk.specs.parts import read_alike
from tltk.specs.training import TransferSpec
from tltk.training.compose import divide
from tltk.verdicts.judge import paired_interval
from tltk.weights import load as weights

RANDOM = 3  # networks with random weights that the probe is held against
FOLDS = 5


@dataclass(frozen=True)
class Sides:
    """What is compared: pictures that the network has not learned from.

    Attributes:
        source: Held-out pictures of its own domain.
        target: Labelled pictures of the other one, none of them of the test.
        drawn: What was left out, in a sentence; empty = nothing.
    """

    source: Sample
    target: Sample
    drawn: str


@dataclass(frozen=True)
class Answers:
    """What the network names.

    Attributes:
        target: For each target picture, (m,).
        number: The target pictures' true classes as the source counts them, (m,); −1 = none.
        recoloured: For each held-out picture of the source with other colours, (n,).
    """

    target: Ints
    number: Ints
    recoloured: Ints


def source_check(spec: SourceCheckSpec, context: Context) -> SourceCheckResult:
    """Counts on both domains, the distance at each layer, probes, and what plain attributes tell.

    Raises:
        BadSpec: Weights of no training, without a classifier, or too few pictures.
    """
    spec.check()
    sides = gather(spec, context)
    source, target = sides.source, sides.target
    classifier = weights.source_classifier(spec.net)
    if classifier is None:
        raise BadSpec(
            f"The weights must come with the classifier that was trained with them, a linear one. {spec.net.weights} "
            f"has none; train its network with --head linear."
        )
    net = network(spec.net, target, spec.seed)
    x, y = (features(net, side, context, spec.pooling) for side in (source, target))
    mine, theirs = (classifier.logits(z[-1].float()).argmax(1).numpy() for z in (x, y))
    names, other = list(source.domain.classes), list(target.domain.classes)
    number = match_classes(other, names)[target.labels.numpy()]  # of each target picture, as the source counts classes
    known = number != UNKNOWN
    right = int((mine == source.labels.numpy()).sum())
    there = int((theirs == number)[known].sum())
    matrix = np.zeros((len(other), len(names)), np.int64)
    np.add.at(matrix, (target.labels.numpy(), theirs), 1)
    mapped, mapping = best_mapping(target.labels.numpy(), theirs, len(other), len(names), spec.seed)
    context.callbacks.notify("Probing the network's features, and those of networks with random weights.")
    probes = _probe(spec, context, y[-1], target)
    context.callbacks.notify("Measuring how far the domains are apart at each layer.")
    layers = shift_by_layer(spec, [*net.names[:-1], "features"], x, y, source, target, number)
    told = []
    if source.domain.kind == PICTURES:  # texts and rows have no colours
        recoloured = features(net, _recoloured(source, spec.seed), context, spec.pooling)[-1]
        shown = classifier.logits(recoloured.float()).argmax(1).numpy()
        told = _attributes(source, target, Answers(theirs, number, shown), spec.seed)
    shared = shared_classes(source.domain, target.domain)
    noun = source.domain.noun
    sentence = f"Of {len(source):,} unseen {noun} of its own domain the network names {right / len(source):.1%} right"
    sentence += (
        f", of {int(known.sum()):,} of {spec.target.name} {there / int(known.sum()):.1%}."
        if known.any()
        else f"; {spec.target.name} has none of its classes."
    )
    return SourceCheckResult(
        source_classes=names,
        target_classes=other,
        shared=shared,
        matrix=matrix.tolist(),
        source_n=len(source),
        source_right=right,
        source_majority=int(torch.bincount(source.labels).max()),
        target_n=int(known.sum()),
        target_right=there,
        target_majority=int(np.bincount(number[known]).max()) if known.any() else 0,
        mapped_n=len(target),
        mapped_right=mapped,
        mapping={other[a]: names[b] for a, b in mapping.items()},
        layers=layers,
        drawn=sides.drawn,
        probe_n=len(target),
        probe=probes[0],
        probe_random=probes[1],
        probe_gap=probes[2],
        probe_lo=probes[3],
        probe_hi=probes[4],
        attributes=told,
        sentence=sentence,
    )


def gather(spec: SourceCheckSpec, context: Context) -> Sides:
    """The pictures of both sides: unseen ones of the source, labelled ones of the target without its test.

    Raises:
        BadSpec: Weights that are no training's, or too few pictures.
    """
    trained = Run.at(spec.net.weights.removeprefix("run:").partition("@")[0]).spec
    if not isinstance(trained, TransferSpec) or trained.labels != "target":
        raise BadSpec(f"The weights must be those of a training on one domain. {spec.net.weights} are not.")
    alike = read_alike(trained.target, spec.target)
    parts = divide(dataclasses.replace(trained, target=alike), context.load)
    domain = context.load(spec.target)
    split = domain.split(spec.target, spec.seed)
    own = np.concatenate([parts.split.val, parts.split.test])
    mine = np.concatenate([split.train, split.val])
    linked, theirs = link_copies(parts.domain, domain)
    unseen = exclude_examples(theirs, mine, linked.origins[parts.split.train])
    held = exclude_examples(linked, own, theirs.origins[unseen])
    left = len(mine) - len(unseen) + len(own) - len(held)
    drawn = f"{left:,} {domain.noun} of which the other side, or the source's training, has a copy were left out."
    if min(len(held), len(unseen)) < 2 * FOLDS:
        raise BadSpec(
            f"There must be unseen {domain.noun} on both sides, {2 * FOLDS} at least. There are {len(held)} of "
            f"the source and {len(unseen)} of the target; ask for more."
        )
    return Sides(
        by_turns(parts.domain, held, spec.pictures, spec.seed),
        by_turns(domain, unseen, spec.pictures, spec.seed),
        drawn if left else "",
    )


def _recoloured(sample: Sample, seed: int) -> Sample:
    """The same pictures with the hues of others."""
    domain = sample.domain
    images = recolour(np.asarray(domain.images[sample.index]), seed)
    of = Domain.of(
        domain.name, images, sample.labels.numpy(), list(domain.classes), licence=domain.licence, source=domain.source
    )
    return Sample(of, np.arange(len(images)), sample.labels)


def best_mapping(labels: Ints, named: Ints, classes: int, others: int, seed: int) -> tuple[int, dict[int, int]]:
    """Which source class fits each target class best, one to one, and how many pictures that names right.

    The assignment of least cost, found on one half of the pictures and counted on the other, both ways: so it is not
    better by chance.

    Reference:
        Kuhn (1955), The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2.

    Args:
        labels: Target classes, (n,).
        named: Source class that the network names, (n,).
        classes: How many the target has.
        others: How many the source has.
        seed: Of the halves.

    Returns:
        Pictures named right, 0 … n; and target class → source class, of all pictures.
    """
    from scipy.optimize import linear_sum_assignment

    half = np.random.default_rng(seed).permutation(len(labels)) % 2

    def assign(rows: NDArray[np.bool_]) -> dict[int, int]:
        counts = np.zeros((classes, others), np.int64)
        np.add.at(counts, (labels[rows], named[rows]), 1)
        a, b = linear_sum_assignment(-counts)
        return {int(i): int(j) for i, j in zip(a, b, strict=True) if counts[i, j]}

    right = 0
    for side in (0, 1):
        found = assign(half == side)
        fits = np.array([found.get(int(c), UNKNOWN) for c in labels[half != side]])
        right += int((fits == named[half != side]).sum())
    return right, assign(np.ones(len(labels), bool))


def shift_by_layer(
    spec: SourceCheckSpec,
    names: Sequence[str],
    x: Sequence[Tensor],
    y: Sequence[Tensor],
    source: Sample,
    target: Sample,
    number: Ints,
) -> list[ShiftAtLayer]:
    """Squared MMD at each layer, of all pictures and within shared classes, beside chance.

    Args:
        spec: The question.
        names: Of the layers.
        x: Features of the source at each, (n, d).
        y: Features of the target, (m, d).
        source: Its pictures.
        target: Likewise.
        number: Class of each target picture as the source counts them, (m,); −1 = none.
    """
    both = torch.from_numpy(np.isin(source.labels.numpy(), number))
    known = torch.from_numpy(number != UNKNOWN)
    of = torch.from_numpy(number)
    marginal = [with_null("mmd", a, b, spec.permutations, spec.seed) for a, b in zip(x, y, strict=True)]
    within: list[Null] = []
    for a, b in zip(x, y, strict=True):
        if is_constant(torch.cat([a, b])):
            within.append(null_without_shift("mmd", spec.permutations))
            continue
        try:
            within.append(
                permutation_class_mmd(
                    a[both], source.labels[both], b[known], of[known], permutations=spec.permutations, seed=spec.seed
                )
            )
        except TltkError:  # no class of which both have two pictures
            within = []
            break
    p, q = holm([n.p for n in marginal]), holm([n.p for n in within])
    found = []
    for i, (name, null) in enumerate(zip(names, marginal, strict=True)):
        inner = (within[i].value, within[i].hi, q[i]) if within else (None, None, None)
        found.append(ShiftAtLayer(name, null.value, null.hi, p[i], *inner))
    return found


def _probe(
    spec: SourceCheckSpec, context: Context, mine: Tensor, target: Sample
) -> tuple[float, float, float, float, float] | tuple[None, None, None, None, None]:
    """Accuracy of a probe of these features, of random ones, their difference and its interval."""
    try:
        own = ridge_probe(mine, target.labels, folds=FOLDS, seed=spec.seed).correct.astype(np.float64)
        random = []
        for k in range(RANDOM):
            fresh = network(with_weights(spec.net, "scratch"), target, spec.seed + k)
            z = features(fresh, target, context, spec.pooling)[-1]
            random.append(ridge_probe(z, target.labels, folds=FOLDS, seed=spec.seed).correct.astype(np.float64))
    except BadSpec:  # a class with a single picture
        return None, None, None, None, None
    gap, lo, hi = paired_interval(np.stack([own - one for one in random]), spec.level)
    return float(own.mean()), float(np.mean(random)), gap, lo, hi


def _attributes(source: Sample, target: Sample, answers: Answers, seed: int) -> list[AttributeResult]:
    """What each plain attribute tells of the source's labels and of the network's errors.

    Args:
        source: Held-out pictures.
        target: Labelled pictures.
        answers: What the network names.
        seed: Of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = source.labels.numpy()
    fewest = int(np.bincount(labels)[np.unique(labels)].min())
    if fewest < 2 or len(np.unique(labels)) < 2:
        return []
    folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    here, there = (np.asarray(s.domain.images[s.index]) for s in (source, target))
    ours, theirs, other = appearance(here), appearance(there), appearance(recolour(here, seed))
    found = []
    for name, x in ours.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        right = int((cross_val_predict(model, x, labels, cv=folds) == labels).sum())
        model.fit(x, labels)
        on_target = same_errors(answers.target, model.predict(theirs[name]), answers.number)
        recoloured = same_errors(answers.recoloured, model.predict(other[name]), labels)
        found.append(AttributeResult(name, right, *on_target, *recoloured))
    return found


def same_errors(named: Ints, attribute: Ints, labels: Ints) -> tuple[int, int, float]:
    """Whether the network errs as an attribute would: errors, those that both name alike, and so many by chance.

    By chance answers of both are independent within each class.

    Args:
        named: Class that the network names for each picture, (n,).
        attribute: Class that the attribute tells, (n,).
        labels: True class, (n,); −1 = none that the network knows: left out.
    """
    wrong = (labels != UNKNOWN) & (named != labels)
    expected = 0.0
    for c in np.unique(labels[wrong]):
        rows = wrong & (labels == c)
        k = int(max(named.max(), attribute.max())) + 1
        expected += float(
            np.bincount(named[rows], minlength=k) @ np.bincount(attribute[rows], minlength=k) / rows.sum()
        )
    return int(wrong.sum()), int((wrong & (attribute == named)).sum()), expected
