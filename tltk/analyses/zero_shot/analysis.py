"""Direct attribute prediction on frozen features: attributes learned from some combinations name the others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student

from tltk.analyses.sample import Context, Sample, features, find_layer, network
from tltk.analyses.zero_shot.result import AttributeAccuracy, CombinationResult, ZeroShotResult
from tltk.analyses.zero_shot.spec import CLASS, ZeroShotSpec
from tltk.data.attributes import Attribute
from tltk.data.division import shuffle
from tltk.data.domain import Domain, Ints
from tltk.errors import BadSpec
from tltk.learners import learners
from tltk.learners.search import fit
from tltk.probes.direct_attribute_prediction import Floats, attribute_priors, class_log_scores

LEAST_UNSEEN = 2  # combinations: with one there is nothing to choose among


@dataclass(frozen=True, eq=False)
class Combinations:
    """The classes: each is one value of every attribute.

    Attributes:
        attributes: Name → attribute of all pictures.
        signatures: The combinations that occur, (k, m).
        of: Which of them each picture shows, (n,).
    """

    attributes: dict[str, Attribute]
    signatures: Ints
    of: Ints

    @property
    def values(self) -> list[int]:
        """How many values each attribute has."""
        return [len(one.classes) for one in self.attributes.values()]

    def name(self, which: int) -> str:
        """Values of one combination, in words."""
        pairs = zip(self.attributes.values(), self.signatures[which].tolist(), strict=True)
        return ", ".join(one.classes[value] for one, value in pairs)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one draw came to.

    Attributes:
        accuracy: Among the unseen combinations, mean over them.
        seen_accuracy: Among the seen ones, on their test pictures.
        attributes: Of each: share right on seen and on unseen combinations, and its most frequent value's share.
        said: Unseen combination → those that were said of its test pictures.
        n_seen: Combinations that were shown.
        n_train: Pictures that were learned from.
    """

    accuracy: float
    seen_accuracy: float
    attributes: list[tuple[float, float, float]]
    said: dict[int, list[int]]
    n_seen: int
    n_train: int


def zero_shot(spec: ZeroShotSpec, context: Context) -> ZeroShotResult:
    """Accuracy on combinations of attributes that were never shown, over draws of these combinations.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses, a layer that is not there, or too few combinations.
    """
    spec.check()
    start = time.perf_counter()
    domain = context.load(spec.target)
    split = domain.split(spec.target, spec.seed)
    found = combine(domain, spec.attributes)
    every = np.sort(np.concatenate([split.train, split.test]))
    sample = Sample(domain, every, torch.from_numpy(domain.labels[every]))
    learned = Sample(domain, split.train, torch.from_numpy(domain.labels[split.train]))
    net = network(spec.net, learned, spec.seed)  # of tables, these rows tell means and deviations
    layer, layer_name = find_layer(net, spec.layer, spec.removed)
    x = features(net, sample, context, spec.pooling)[layer].double().numpy()
    if not np.isfinite(x).all():
        raise BadSpec(f"Features of {layer_name} must be finite. Some are not; these weights have diverged.")
    outcomes: list[Outcome] = []
    for number in range(spec.seeds):
        seed = spec.seed + number
        unseen = draw_unseen(found, split.train, split.test, spec.unseen, seed)
        context.callbacks.notify(f"Draw {number + 1} of {spec.seeds}: {len(unseen)} combinations are not shown.")
        outcomes.append(_predict(spec, context, found, x, (every, split.train, split.test), unseen, seed))
    return _result(spec, found, outcomes, layer, layer_name, time.perf_counter() - start)


def combine(domain: Domain, names: Sequence[str]) -> Combinations:
    """The combinations of a domain's attributes that occur.

    Args:
        domain: The pictures.
        names: Of the attributes; none = the class, and all that differ from picture to picture and from the class.

    Raises:
        BadSpec: Fewer than two attributes.
    """
    known = {CLASS: Attribute(domain.classes, domain.labels), **domain.attributes}
    chosen = {name: known[name] for name in names} if names else _different(known)
    if len(chosen) < 2:
        raise BadSpec(
            f"Combinations need two attributes that differ from picture to picture. {domain.name} tells "
            f"{', '.join(chosen)} alone; take a domain that tells more of its pictures, such as shapes."
        )
    columns = np.stack([one.numbers for one in chosen.values()], 1)
    signatures, of = np.unique(columns, axis=0, return_inverse=True)
    return Combinations(chosen, signatures, of.reshape(-1))


def _different(known: dict[str, Attribute]) -> dict[str, Attribute]:
    """Attributes that are more than one value, and not the class by another name."""
    classes = known[CLASS].numbers
    n_classes = len(np.unique(classes))
    found = {CLASS: known[CLASS]}
    for name, one in known.items():
        values = len(np.unique(one.numbers))
        pairs = len(np.unique(np.stack([one.numbers, classes]), axis=1).T)
        if name != CLASS and values > 1 and not pairs == values == n_classes:
            found[name] = one
    return found


def draw_unseen(found: Combinations, train: Ints, test: Ints, share: float, seed: int) -> Ints:
    """Combinations that are not shown: each value of theirs is still shown in others.

    Args:
        found: All combinations.
        train: Positions of the training pictures.
        test: And of the test pictures.
        share: Of the combinations, at most.
        seed: Of the draw.

    Raises:
        BadSpec: Fewer than two can be left out.
    """
    k = len(found.signatures)
    shown = np.bincount(found.of[train], minlength=k) > 0
    tested = np.bincount(found.of[test], minlength=k) > 0
    left = [np.bincount(found.signatures[shown, m], minlength=n) for m, n in enumerate(found.values)]
    unseen: list[int] = []
    for which in shuffle(np.flatnonzero(tested), seed, k).tolist():
        if len(unseen) >= max(LEAST_UNSEEN, round(share * k)):
            break
        values = found.signatures[which]
        if all(left[m][v] > int(shown[which]) for m, v in enumerate(values)):
            unseen.append(which)
            for m, v in enumerate(values):
                left[m][v] -= int(shown[which])
    if len(unseen) < LEAST_UNSEEN:
        raise BadSpec(
            f"At least {LEAST_UNSEEN} combinations must be left out of which each value is shown in another one. Of "
            f"{k} that occur {len(unseen)} can be; name other attributes, or raise n."
        )
    return np.sort(np.array(unseen, np.int64))


def _predict(
    spec: ZeroShotSpec,
    context: Context,
    found: Combinations,
    x: Floats,
    positions: tuple[Ints, Ints, Ints],
    unseen: Ints,
    seed: int,
) -> Outcome:
    """Learn the attributes from seen combinations; name the test pictures of both kinds."""
    every, train, test = positions
    is_unseen = np.isin(np.arange(len(found.signatures)), unseen)
    learned = np.sort(shuffle(train[~is_unseen[found.of[train]]], seed)[: spec.pictures])
    seen = np.setdiff1d(found.of[train], unseen)
    sides = {part: test[np.isin(found.of[test], among)] for part, among in ((True, unseen), (False, seen))}
    if not len(sides[False]):
        raise BadSpec("Seen combinations must have test pictures to compare with. None has; raise n or the test share.")
    rows = {part: x[np.searchsorted(every, at)] for part, at in sides.items()}
    said: dict[bool, list[Floats]] = {True: [], False: []}
    shares = []
    for one in found.attributes.values():
        model = fit(
            learners["logistic_regression"](),
            x[np.searchsorted(every, learned)],
            one.numbers[learned],
            folds=spec.folds,
            seed=seed,
            check=context.callbacks.check,
        ).model
        for part in (True, False):
            probabilities = np.zeros((len(rows[part]), len(one.classes)))
            probabilities[:, model.classes_] = model.predict_proba(rows[part])
            said[part].append(probabilities)
        truth = {part: one.numbers[at] for part, at in sides.items()}
        right = {part: float((said[part][-1].argmax(1) == truth[part]).mean()) for part in (True, False)}
        shares.append((right[False], right[True], float(np.bincount(truth[True]).max() / len(truth[True]))))
    priors = attribute_priors(found.signatures[seen], found.values)
    named = {
        part: among[class_log_scores(said[part], found.signatures[among], priors).argmax(1)]
        for part, among in ((True, unseen), (False, seen))
    }
    truth_unseen, truth_seen = (found.of[sides[part]] for part in (True, False))
    return Outcome(
        _mean_over_classes(named[True], truth_unseen),
        _mean_over_classes(named[False], truth_seen),
        shares,
        {int(c): named[True][truth_unseen == c].tolist() for c in unseen},
        len(seen),
        len(learned),
    )


def _mean_over_classes(said: Ints, truth: Ints) -> float:
    """Mean over the classes of the share that is right: the mean of a confusion matrix's diagonal."""
    return float(np.mean([(said[truth == c] == c).mean() for c in np.unique(truth)]))


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95% interval, Student's t over the draws, within 0 … 1."""
    mean = float(np.mean(values))
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)


def _result(
    spec: ZeroShotSpec, found: Combinations, outcomes: list[Outcome], layer: int, layer_name: str, seconds: float
) -> ZeroShotResult:
    accuracy, lo, hi = _interval([one.accuracy for one in outcomes])
    n_unseen, n_seen = (max(counts) for counts in ([len(o.said) for o in outcomes], [o.n_seen for o in outcomes]))
    chance = float(np.mean([1 / len(one.said) for one in outcomes]))
    attributes = []
    for m, (name, one) in enumerate(found.attributes.items()):
        seen, unseen, majority = (list(column) for column in zip(*(o.attributes[m] for o in outcomes), strict=True))
        mean, low, high = _interval(unseen)
        attributes.append(
            AttributeAccuracy(name, len(one.classes), float(np.mean(seen)), mean, low, high, float(np.mean(majority)))
        )
    return ZeroShotResult(
        accuracy=accuracy,
        lo=lo,
        hi=hi,
        chance=chance,
        seen_accuracy=float(np.mean([one.seen_accuracy for one in outcomes])),
        seen_chance=float(np.mean([1 / one.n_seen for one in outcomes])),
        draws=[one.accuracy for one in outcomes],
        attributes=attributes,
        combinations=_combinations(found, outcomes),
        n_unseen=n_unseen,
        n_seen=n_seen,
        n_train=max(one.n_train for one in outcomes),
        n_test=float(np.mean([sum(map(len, one.said.values())) for one in outcomes])),
        layer=layer,
        layer_name=layer_name,
        sentence=(
            f"Pictures of {n_unseen} combinations of {', '.join(found.attributes)} that were never shown: "
            f"{accuracy:.1%} are named rightly, {lo:.1%} … {hi:.1%} (95%, Student's t over {len(outcomes)} draws of "
            f"combinations), where chance gives {chance:.1%}."
        ),
        remarks=_remarks(spec, lo, chance),
        seconds=round(seconds, 3),
    )


def _combinations(found: Combinations, outcomes: list[Outcome]) -> list[CombinationResult]:
    """Each that was unseen in some draw, best first."""
    said: dict[int, list[int]] = {}
    draws: Counter[int] = Counter()
    for one in outcomes:
        for which, names in one.said.items():
            said.setdefault(which, []).extend(names)
            draws[which] += 1
    rows = []
    for which, names in said.items():
        wrong = Counter(name for name in names if name != which).most_common(1)
        rows.append(
            CombinationResult(
                found.name(which),
                draws[which],
                len(names),
                names.count(which) / len(names),
                found.name(wrong[0][0]) if wrong else "",
            )
        )
    return sorted(rows, key=lambda row: (-row.accuracy, row.name))


def _remarks(spec: ZeroShotSpec, lo: float, chance: float) -> list[str]:
    said = ["The interval is for other draws of unseen combinations, with this network and these pictures."]
    if lo <= chance:
        said.append("It is not told from chance: the interval holds it.")
    if spec.net.weights != "scratch":
        said.append("What is unseen here was unseen by the attributes' classifiers; the weights may know it.")
    return said
