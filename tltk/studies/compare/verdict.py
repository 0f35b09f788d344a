"""Does transfer help? The statistics of a comparison: scores in, a `Verdict` out; see `tltk.results.interval` too.

The two arms are compared on the same test examples with the same seeds, so everything is paired.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tltk.errors import BadSpec
from tltk.results.curves import Curve
from tltk.results.interval import DELTA, MIN_SEEDS, Floats, Spread, classify_interval, paired_interval
from tltk.results.verdict import ClassGap, Verdict

CLIMB = 0.02  # a validation accuracy that gained this much in the last quarter is still climbing
RISE = 1.2  # a validation loss of this many times its least has risen


def judge(
    a: ArrayLike,
    b: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    seeds: Sequence[int] = (),
    level: float = 0.95,
    delta: float = DELTA,
    names: tuple[str, str] = ("the first", "the second"),
) -> Verdict:
    """Is `b` better than `a`? The verdict on two arms' scores of the same examples with the same seeds.

    Args:
        a: Scores of the arm that is the yardstick, (seeds, examples) or (examples,), each 0 … 1: right
            or wrong, or a share such as an overlap.
        b: Scores of the other arm, paired with `a`: same seeds in the same rows, same examples.
        labels: Class of each example, (examples,); with it each class gets a verdict too, at a level at
            which all of them hold together (Bonferroni).
        seeds: The seeds of the rows; 0, 1, … if not given.
        level: Coverage of the interval, 0.5 … 0.9999.
        delta: Gaps within ± this share count as no difference, once the whole interval lies within; 0 … 0.5.
        names: What the arms are called in the sentence.

    Returns:
        A verdict: `label` (helps, hurts, no difference, cannot tell), `gap` (b − a), `lo`, `hi`, `sentence`.

    Raises:
        BadSpec: Scores that are not numbers from 0 to 1, or arms that do not belong together.

    Example:
        >>> judge([[0, 1, 0, 0]] * 3, [[1, 1, 1, 0]] * 3).label  # four examples are too few
        'cannot tell'
    """
    first, second = _scores(a, "a"), _scores(b, "b")
    if first.shape != second.shape:
        raise BadSpec(
            f"Both arms must have the same seeds and examples. Got arrays of {first.shape} and {second.shape}."
        )
    n_seeds, n = first.shape
    if not 0.5 <= level <= 0.9999:
        raise BadSpec(f"level must be between 0.5 and 0.9999. Got {level}.")
    if not 0 <= delta <= 0.5:
        raise BadSpec(f"delta must be between 0 and 0.5, a share. Got {delta}.")
    if seeds and len(seeds) != n_seeds:
        raise BadSpec(f"There must be a seed for each of the {n_seeds} rows of scores. Got {len(seeds)} seeds.")
    if labels is not None and len(labels) != n:
        raise BadSpec(f"There must be a label for each of the {n} examples. Got {len(labels)}.")
    difference = second - first
    gap, low, high = paired_interval(difference, level)
    label = classify_interval(low, high, n_seeds, delta)
    verdict = Verdict(
        label=label,
        gap=gap,
        lo=low,
        hi=high,
        scratch=float(first.mean()),
        transfer=float(second.mean()),
        seeds=tuple(seeds) or tuple(range(n_seeds)),
        n_test=n,
        sentence="",
        level=level,
        delta=delta,
        per_class=() if labels is None else _per_class(first, second, labels, level, delta),
    )
    text = (
        f"{label.capitalize()}: {names[0]} scores {format_points(verdict.scratch, False)} % on average over {n:,} "
        f"example{'s' if n > 1 else ''}, {names[1]} {format_points(verdict.transfer, False)} %. {gap_clause(verdict)}"
    )
    return dataclasses.replace(verdict, sentence=" ".join([text, *advise(verdict, difference)]))


def _scores(values: ArrayLike, name: str) -> Floats:
    """Scores as (seeds, examples), checked."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadSpec(f"{name} must hold numbers, one row per seed, rows of one length. It does not.") from None
    found = found[None] if found.ndim == 1 else found
    if found.ndim != 2 or not found.size:
        raise BadSpec(f"{name} must be an array of (seeds, examples) with at least one of each. Got {found.shape}.")
    if not ((found >= 0) & (found <= 1)).all():
        wrong = found[~((found >= 0) & (found <= 1))][0]
        raise BadSpec(f"{name} must hold scores from 0 to 1. Got {wrong:g}; divide percentages by 100.")
    return found


def _per_class(a: Floats, b: Floats, labels: Sequence[Any], level: float, delta: float) -> tuple[ClassGap, ...]:
    """Each class with an interval at level 1 − (1 − level)/classes, so that all of them hold together."""
    names = list(dict.fromkeys(labels))
    at = np.array([names.index(label) for label in labels])
    found = []
    for i, name in enumerate(names):
        one, other = a[:, at == i], b[:, at == i]
        gap, low, high = paired_interval(other - one, 1 - (1 - level) / len(names))
        label = classify_interval(low, high, len(a), delta)
        found.append(
            ClassGap(str(name), float(one.mean()), float(other.mean()), gap, low, high, label, int((at == i).sum()))
        )
    return tuple(found)


# -- in words --------------------------------------------------------------------------------------------


def format_points(share: float, sign: bool = True) -> str:
    """A share in points, one decimal, with a real minus sign."""
    return f"{100 * share:{'+' if sign else ''}.1f}".replace("-", "−")


def gap_clause(v: Verdict) -> str:
    """`The gap is +5.0 points (95 % interval +1.2 … +8.8, 3 seeds).`"""
    seeds = f"{len(v.seeds)} seed{'s' if len(v.seeds) > 1 else ''}"
    interval = f"{100 * v.level:g} % interval {format_points(v.lo)} … {format_points(v.hi)}"
    return f"The gap is {format_points(v.gap)} points ({interval}, {seeds})."


def advise(v: Verdict, difference: Floats) -> list[str]:
    """How far the verdict goes and, where it cannot tell, what would settle it."""
    within = f"±{100 * v.delta:g} point{'s' if v.delta != 0.01 else ''}"
    if v.label == "no difference":
        return [f"The whole interval lies within {within}: it makes no difference which one you take."]
    if v.label != "cannot tell":
        small = -v.delta <= v.lo and v.hi <= v.delta
        return [f"Small as it is, it lies within the {within} that count as no difference."] if small else []
    n_seeds, n = difference.shape
    if n_seeds < MIN_SEEDS:
        return [f"A verdict needs at least {MIN_SEEDS} seeds."]
    if n < 2 or not difference.any():
        return [f"More test examples would be needed to show that the arms are within {within} of each other."]
    wanted = v.gap if abs(v.gap) > v.delta else v.delta
    aim = "settle a gap of this size, if it stays" if abs(v.gap) > v.delta else f"show a gap of no more than {within}"
    spread = Spread.of(difference)
    seeds = next((s for s in range(n_seeds + 1, 101) if spread.expected_half_width(v.level, s, n) < abs(wanted)), None)
    if seeds is not None:
        return [f"About {seeds} seeds would {aim}."]
    more = next((k for k in range(2, 101) if spread.expected_half_width(v.level, 10, k * n) < abs(wanted)), None)
    if more is None:
        return [f"No number of seeds up to 100 and no test set up to 100 times as large would {aim}."]
    return [f"More seeds alone would not {aim}; 10 seeds and about {more * n:,} test examples would."]


# -- curves ----------------------------------------------------------------------------------------------


def mean_curve(label: str, curves: Sequence[Curve]) -> Curve:
    """The mean of several seeds' curves with its 95 % interval (Student's t over seeds).

    Curves that stopped early keep their last value, so that the mean stays over all seeds.
    """
    from scipy.special import stdtrit

    if not curves:
        return Curve(label, (), ())
    longest = max(curves, key=lambda c: len(c.x))
    held = [c for c in curves if c.y]
    if not held:
        return Curve(label, (), ())
    y = np.array([[*c.y, *[c.y[-1]] * (len(longest.y) - len(c.y))] for c in held], dtype=float)
    # Steps are the same for all; seconds are not, and a mean over them belongs at their mean.
    x = np.array([[*c.x, *longest.x[len(c.x) :]] for c in held], dtype=float).mean(0)
    mean, n = y.mean(0), len(y)
    half = stdtrit(n - 1, 0.975) * y.std(0, ddof=1) / math.sqrt(n) if n > 1 else np.zeros_like(mean)
    return Curve(
        label,
        tuple(x.tolist()),
        tuple(mean.tolist()),
        tuple((mean - half).tolist()),
        tuple((mean + half).tolist()),
        longest.x_unit,
    )


def jump_start(scratch: Curve, transfer: Curve) -> float:
    """Difference of accuracy at the first evaluation.

    Reference: Taylor and Stone (2009), Transfer learning for reinforcement learning domains: a
    survey, JMLR 10, §2.2 (jumpstart).
    """
    return transfer.y[0] - scratch.y[0] if scratch.y and transfer.y else 0.0


def area_ratio(scratch: Curve, transfer: Curve, until: float = math.inf) -> float:
    """(area under transfer − area under scratch) / area under scratch, over the range that both have.

    Args:
        scratch: Quality over steps, or over whatever the budget is counted in.
        transfer: The same of the other arm; it may have stopped sooner.
        until: Where to stop at the latest, such as the end of the run that stopped first.

    Returns:
        0 where they have no range in common, or scratch no area.

    Reference: Taylor and Stone (2009), JMLR 10, §2.2 (transfer ratio).
    """
    if not scratch.x or not transfer.x:
        return 0.0
    low, high = max(scratch.x[0], transfer.x[0]), min(scratch.x[-1], transfer.x[-1], until)
    if low >= high:
        return 0.0
    at = np.unique([x for x in (*scratch.x, *transfer.x, low, high) if low <= x <= high])
    below, above = (np.trapezoid(np.interp(at, c.x, c.y), at) for c in (scratch, transfer))
    return float((above - below) / below) if below > 0 else 0.0


def time_to_best(scratch: Curve, transfer: Curve) -> tuple[float | None, float | None]:
    """When the transfer arm first reaches the scratch arm's best, and how many times sooner.

    Reference: Taylor and Stone (2009), JMLR 10, §2.2 (time to threshold).

    Returns:
        (x of the transfer arm, x of the scratch arm's best over it); None where it never gets there.
    """
    if not scratch.y:
        return None, None
    best = max(scratch.y)
    theirs = scratch.x[scratch.y.index(best)]
    ours = next((x for x, y in zip(transfer.x, transfer.y, strict=True) if y >= best), None)
    return (None, None) if ours is None else (ours, theirs / ours if ours else None)


def diagnose_learning(accuracy: Sequence[Curve], loss: Sequence[Curve]) -> tuple[str, ...]:
    """What the validation curves of one arm's seeds say about its budget: climbing, over-fitting, or nothing.

    climbing: accuracy gained 2 points or more in the last quarter, in two thirds of the seeds or more.
    over-fitting: the mean loss rose by a fifth or more from its least, which came before the last
    quarter, and accuracy did not gain meanwhile.

    Args:
        accuracy: Validation accuracy, 0 … 1, a curve per seed.
        loss: Validation cross-entropy of the same seeds.
    """
    found = []
    long = [c for c in accuracy if len(c.x) >= 4]
    gains = np.array([c.y[-1] - np.interp(c.x[0] + 0.75 * (c.x[-1] - c.x[0]), c.x, c.y) for c in long])
    if len(gains) and gains.mean() >= CLIMB and (gains > 0).mean() >= 2 / 3:
        found.append("climbing")
    worse, right = mean_curve("loss", loss), mean_curve("accuracy", accuracy)
    if len(worse.y) >= 4 and len(right.y) == len(worse.y):
        least = int(np.argmin(worse.y))
        early = worse.x[least] < worse.x[0] + 0.75 * (worse.x[-1] - worse.x[0])
        if early and worse.y[-1] >= RISE * worse.y[least] and right.y[-1] <= right.y[least] + 0.01:
            found.append("over-fitting")
    return tuple(found)
