"""Predictions of several trainings on one target, averaged: alike, and by how well each suits the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tltk.analyses.ensemble.result import EnsembleResult, MemberResult, MixtureResult
from tltk.analyses.ensemble.spec import EnsembleSpec
from tltk.analyses.sample import Context
from tltk.analyses.soup.analysis import outputs
from tltk.data import family
from tltk.data.domain import Domain, Split, link_copies
from tltk.errors import BadSpec, TltkError, WeightsMissing
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.nouns import reword
from tltk.specs.size import channels_and_size, in_pixels
from tltk.specs.training import TransferSpec
from tltk.training.compose import add_source, divide
from tltk.training.optimizer import pick_device
from tltk.transferability.leep import leep
from tltk.transferability.logme import logme
from tltk.verdicts.judge import Floats, format_points, paired_interval
from tltk.weights import store
from tltk.weights.load import build_net

UNIFORM, BEST = "uniform", "best"
LEAST = 1e-12  # probability of a class; a single picture must not silence a member for good


@dataclass(frozen=True, eq=False)
class Member:
    """A training and what it says of the target.

    Attributes:
        run: Its folder.
        spec: What it was asked for.
        val: Probabilities of the target's classes on the validation pictures, (n_val, classes).
        test: The same on the test pictures, (n_test, classes).
        scores: Name → score on the validation pictures, nats a picture.
        seen: Held-out pictures that it learned from.
    """

    run: Run
    spec: TransferSpec
    val: Tensor
    test: Tensor
    scores: dict[str, float]
    seen: int


def ensemble(spec: EnsembleSpec, context: Context) -> EnsembleResult:
    """Members, their weights by the validation pictures, and what each average gets right on the test.

    p(y|x) = Σ_i w_i p_i(y|x), w = softmax(s / τ); s_i is one of, on the n validation pictures,
    likelihood: (1/n) Σ_j log p_i(y_j|x_j); leep: LEEP of all classes that the member knows; logme: LogME of what enters
    its head. With likelihood and τ = 1/n the weights are the posterior probabilities of Bayesian model averaging.

    Reference:
        Hoeting, Madigan, Raftery and Volinsky (1999), Bayesian model averaging: a tutorial, Statistical Science 14(4),
        eq. 1–3; scores: Nguyen et al. (2020), LEEP, ICML, and You et al. (2021), LogME, ICML.

    Raises:
        BadSpec: What `spec.check` refuses; a run that is no training, or does not know the target's classes.
        WeightsMissing: A run that has not finished.
        UnknownName: No such run.
    """
    spec.check()
    domain = context.load(spec.target)
    split = domain.split(spec.target, spec.seed)
    found = [_member(Run.open(name), spec, domain, split, context) for name in spec.runs]
    labels = {"val": domain.labels[split.val], "test": domain.labels[split.test]}
    vals = [float(_right(one.val, labels["val"]).mean()) for one in found]
    order = sorted(range(len(found)), key=lambda i: -vals[i])
    found, vals = [found[i] for i in order], [vals[i] for i in order]
    alike = [1 / len(found)] * len(found)
    weights = {name: softmax([one.scores[name] for one in found], spec.temperature) for name in found[0].scores}
    mixed = {UNIFORM: alike, **weights, BEST: [1.0, *[0.0] * (len(found) - 1)]}
    right = {
        name: (
            _right(mix([one.val for one in found], w), labels["val"]),
            _right(mix([one.test for one in found], w), labels["test"]),
        )
        for name, w in mixed.items()
    }
    mixtures = []
    for name, (val, test) in right.items():
        gap = paired_interval((test - right[UNIFORM][1])[None]) if name != UNIFORM else (0.0, 0.0, 0.0)
        mixtures.append(MixtureResult(name, float(val.mean()), float(test.mean()), *gap))
    members = [
        MemberResult(
            run=one.run.id,
            trained_on=_taught_by(one.spec),
            backbone=one.spec.net.backbone,
            val=vals[i],
            accuracy=float(_right(one.test, labels["test"]).mean()),
            scores=one.scores,
            weights={name: w[i] for name, w in weights.items()},
            seen=one.seen,
        )
        for i, one in enumerate(found)
    ]
    noun = domain.noun
    return EnsembleResult(
        members,
        mixtures,
        reword(_sentence(mixtures, len(members)), noun),
        [reword(one, noun) for one in _remarks(members, len(split.val))],
        len(split.val),
        len(split.test),
        spec.temperature,
    )


def softmax(scores: Sequence[float], temperature: float) -> list[float]:
    """w_i = exp(s_i / τ) / Σ_k exp(s_k / τ).

    Args:
        scores: s.
        temperature: τ.
    """
    logits = np.asarray(scores) / temperature
    powers = np.exp(logits - logits.max())
    return [float(w) for w in powers / powers.sum()]


def mix(probabilities: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Σ_i w_i p_i, (n, classes).

    Args:
        probabilities: p of each member, (n, classes).
        weights: w, which add up to 1.
    """
    return torch.stack([w * p for w, p in zip(weights, probabilities, strict=True)]).sum(0)


def scores_of(features: Tensor, logits: Tensor, labels: Tensor, columns: Tensor) -> dict[str, float]:
    """How well a member suits the target, in nats a picture.

    Args:
        features: What enters its head, (n, d).
        logits: Of all classes that it knows, (n, Z).
        labels: Class numbers of the target, (n,).
        columns: Of the logits that are the target's classes, in its order, (classes,).
    """
    log_p = logits[:, columns].double().log_softmax(1)
    picked = log_p.gather(1, labels[:, None]).clamp(min=float(np.log(LEAST)))
    return {
        "likelihood": float(picked.mean()),
        "leep": leep(logits.double().softmax(1), labels),
        "logme": logme(features.double(), labels),
    }


def _member(run: Run, spec: EnsembleSpec, domain: Domain, split: Split, context: Context) -> Member:
    """What one training says of the target's held-out pictures.

    Raises:
        BadSpec: It is no training, of pictures of another size or kind, or does not know the target's classes.
        WeightsMissing: It has not finished.
    """
    context.callbacks.check()
    asked, result = run.spec, run.read(TrainingResult)
    if not isinstance(asked, TransferSpec):
        raise BadSpec(f"An ensemble is made of trainings. Run {run.id} is of kind {asked.kind}.")
    if result is None:
        raise WeightsMissing(
            f"Run {run.id} must have finished before it goes into an ensemble. It is {run.status.state}."
        )
    lacking = [name for name in domain.classes if name not in result.classes]
    if lacking:
        raise BadSpec(
            f"Every member of an ensemble must know the target's classes by name. Run {run.id} lacks "
            f"{', '.join(lacking[:8])}; leave it out, or take a subset of the target."
        )
    channels, size = channels_and_size(domain.modality.shape(domain))
    if asked.target.picture_size != size:
        raise BadSpec(
            f"Members of an ensemble must read pictures of the target's size, {in_pixels(size)}. Those of run {run.id} "
            f"have {in_pixels(asked.target.picture_size)}; leave it out, or ask for that size."
        )
    if asked.target.fit != spec.target.fit:
        raise BadSpec(
            f"Members of an ensemble must read pictures as the target's are read, fit {spec.target.fit}. Run {run.id} "
            f"was trained with fit {asked.target.fit}; leave it out, or ask for --fit {asked.target.fit}."
        )
    context.callbacks.notify(f"Asking run {run.id}.")
    net = build_net(asked.net, len(result.classes), size, channels, asked.seed).to(pick_device("auto")).eval()
    state = load_file(store.run_weights(run.id)[1])
    (features, val), (_, test) = (outputs(net, state, domain, index) for index in (split.val, split.test))
    columns = torch.tensor([result.classes.index(name) for name in domain.classes])
    labels = torch.from_numpy(domain.labels[split.val])
    p_val, p_test = (z[:, columns].double().softmax(1) for z in (val, test))
    scores = scores_of(features, val, labels, columns)
    return Member(run, asked, p_val, p_test, scores, _seen(asked, spec, domain, split, context))


def _taught_by(spec: TransferSpec) -> str:
    """The domain whose labels a training learned from."""
    sides = (spec.source if spec.labels != "target" else None, spec.target if spec.labels != "source" else None)
    return " and ".join(side.name for side in sides if side is not None)


def _seen(asked: TransferSpec, spec: EnsembleSpec, domain: Domain, split: Split, context: Context) -> int:
    """How many of the held-out pictures a training learned from; 0 where its pictures are gone."""
    if family(spec.target.name) not in {family(one.name) for one in (asked.target, asked.source) if one is not None}:
        return 0
    try:
        parts = add_source(asked, divide(asked, context.load), context.load)
    except TltkError:
        return 0
    learned = [(parts.domain, parts.split), *([parts.source] if parts.source and asked.labels != "target" else [])]
    seen = set[int]()
    for theirs, its_split in learned:
        mine, other = link_copies(domain, theirs)
        held = np.concatenate([split.val, split.test])
        seen.update(held[np.isin(mine.origins[held], other.origins[its_split.train])].tolist())
    return len(seen)


def _right(p: Tensor, labels: np.ndarray) -> Floats:
    found: Floats = np.equal(p.argmax(1).numpy(), labels).astype(np.float64)
    return found


def _sentence(mixtures: Sequence[MixtureResult], n: int) -> str:
    """Whether weights help, by the average with the best validation accuracy; ties for the one that comes first."""
    rows: Mapping[str, MixtureResult] = {row.name: row for row in mixtures}
    uniform, weighted = rows[UNIFORM], [row for row in mixtures if row.name not in (UNIFORM, BEST)]
    best = max(weighted, key=lambda row: row.val)
    told = "better" if best.lo > 0 else "worse" if best.hi < 0 else "not told apart"
    gap = f"{format_points(best.gap)} points, 95% interval {format_points(best.lo)} … {format_points(best.hi)}"
    plain, mixed, alone = (format_points(row.accuracy, False) for row in (uniform, best, rows[BEST]))
    return (
        f"Averaged by {best.name}, {n} trainings get {mixed}% of the test pictures right, averaged alike {plain}%: "
        f"{told} ({gap}). The best of them on the validation pictures gets {alone}%."
    )


def _remarks(members: Sequence[MemberResult], n_val: int) -> list[str]:
    """What must be known before the figures are trusted."""
    found = [
        f"Run {one.run} learned from {one.seen:,} of the pictures that validate or test here: its weights and figures "
        f"are optimistic."
        for one in members
        if one.seen
    ]
    return [f"Weights are made of the {n_val:,} validation pictures alone.", *found]
