"""Learning curves of two arms compared seed by seed, and the pictures on which their answers differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tltk.results.curves import Curve
from tltk.results.training import TrainingResult
from tltk.results.transfer import Flip, Flips, SpeedUp, TransferMetric

AXES = ("step", "epoch", "images", "seconds", "gflops")  # what a curve can run over
LAST = 4  # an asymptote is the mean of the last quarter of the evaluations
POSSIBLE = {"jump_start": (-1.0, 1.0), "asymptote": (-1.0, 1.0), "area_ratio": (-1.0, math.inf)}  # of differences
SHOWN = 24  # pictures of each kind of which the answers are kept

Floats = NDArray[np.float64]


def mean_interval(values: Floats, level: float = 0.95) -> tuple[float, float | None, float | None]:
    """Mean and its interval by Student's t; no interval of a single value.

    Args:
        values: One for each seed, (n,).
        level: Coverage, 0 … 1.
    """
    from scipy.special import stdtrit

    n, mean = len(values), float(values.mean())
    if n < 2:
        return mean, None, None
    half = float(stdtrit(n - 1, (1 + level) / 2) * values.std(ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


def transfer_metrics(scratch: Sequence[Curve], transfer: Sequence[Curve]) -> list[TransferMetric]:
    """Jump-start, slope, asymptote and area ratio, each with an interval over the seeds.

    - jump_start: accuracy at the first evaluation.
    - slope: accuracy gained by the least-squares line from end to end of the range that both have.
    - asymptote: mean accuracy of the last quarter of the evaluations.
    - area_ratio: (area under transfer − area under scratch) / area under scratch, over the range that both have.

    Reference:
        Taylor and Stone (2009), Transfer learning for reinforcement learning domains: a survey, JMLR 10, §2.2
        (jumpstart, asymptotic performance, transfer ratio); Torrey and Shavlik (2010), Transfer learning, Handbook of
        research on machine learning applications, ch. 11, fig. 2 (higher start, higher slope, higher asymptote).

    Args:
        scratch: Validation accuracy over steps, 0 … 1, a curve for each seed.
        transfer: The same of the other arm, paired by seed.

    Returns:
        Those that every seed allows; none without curves.
    """
    pairs = [(a, b) for a, b in zip(scratch, transfer, strict=False) if a.x and b.x]
    if not pairs:
        return []
    found = []
    for name, of in (("jump_start", _start), ("slope", _slope), ("asymptote", _end), ("area_ratio", _area)):
        ranges = [(max(a.x[0], b.x[0]), min(a.x[-1], b.x[-1])) for a, b in pairs]
        values = np.array([[of(c, *span) for c in pair] for pair, span in zip(pairs, ranges, strict=True)])
        difference = values[:, 1] - values[:, 0]
        if name == "area_ratio":
            difference = difference / np.where(values[:, 0] > 0, values[:, 0], np.nan)
        if np.isfinite(values).all() and np.isfinite(difference).all():
            first, second = values.mean(0)
            mean, lo, hi = mean_interval(difference)
            if lo is not None and hi is not None:
                least, most = POSSIBLE.get(name, (-math.inf, math.inf))
                lo, hi = max(lo, least), min(hi, most)
            found.append(TransferMetric(name, float(first), float(second), mean, lo, hi, len(pairs)))
    return found


def _start(curve: Curve, low: float, high: float) -> float:
    return curve.y[0]


def _end(curve: Curve, low: float, high: float) -> float:
    return float(np.mean(curve.y[-max(len(curve.y) // LAST, 1) :]))


def _slope(curve: Curve, low: float, high: float) -> float:
    """Rise of the least-squares line from low to high; no number where there is no line."""
    inside = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if low <= x <= high]
    x, y = np.array(inside).reshape(-1, 2).T
    spread = ((x - x.mean()) ** 2).sum() if len(x) else 0.0
    return float((high - low) * ((x - x.mean()) * y).sum() / spread) if spread else math.nan


def _area(curve: Curve, low: float, high: float) -> float:
    """Area below the curve, over the width of the range: its mean height; no number where there is no range."""
    if low >= high:
        return math.nan
    at = np.unique([low, high, *(x for x in curve.x if low <= x <= high)])
    return float(np.trapezoid(np.interp(at, curve.x, curve.y), at) / (high - low))


def time_to(curve: Curve, threshold: float) -> float | None:
    """Where a curve first is at a threshold, or above; None where it never is."""
    return next((x for x, y in zip(curve.x, curve.y, strict=True) if y >= threshold), None)


def speed_up(over: str, scratch: Sequence[Curve], transfer: Sequence[Curve]) -> SpeedUp | None:
    """T_scratch / T_transfer to equal accuracy: to the best that scratch has in the same seed.

    The ratio is a geometric mean over the seeds, its interval Student's t on the logarithms. Where in some seed the
    threshold is never reached there is no ratio: leaving that seed out would make transfer look quicker than it is.
    Times are those of evaluations, so they are no finer than these.

    Reference:
        Taylor and Stone (2009), JMLR 10, §2.2 (time to threshold).

    Args:
        over: What the curves run over, one of `AXES`.
        scratch: Validation accuracy, a curve for each seed.
        transfer: The same of the other arm, paired by seed.

    Returns:
        None without curves.
    """
    pairs = [(a, b) for a, b in zip(scratch, transfer, strict=False) if a.x and b.x]
    if not pairs:
        return None
    best = [max(a.y) for a, _ in pairs]
    theirs = [a.x[a.y.index(top)] for (a, _), top in zip(pairs, best, strict=True)]
    ours = [time_to(b, top) for (_, b), top in zip(pairs, best, strict=True)]
    there = [t for t in ours if t is not None]
    at_first = sum(t == b.x[0] for t, (_, b) in zip(ours, pairs, strict=True))
    counts = len(there), at_first, len(pairs)
    mean = float(np.mean(theirs))
    if len(there) < len(pairs) or min(*there, *theirs) <= 0:
        return SpeedUp(over, mean, None, None, None, None, *counts)
    middle, lo, hi = mean_interval(np.log(theirs) - np.log(there))
    lo, hi = (None if end is None else math.exp(end) for end in (lo, hi))
    return SpeedUp(over, mean, float(np.mean(there)), math.exp(middle), lo, hi, *counts)


def speed_up_in_words(found: SpeedUp, unit: str) -> str:
    """`2.0 times fewer steps (95% interval 1.2 … 3.3, 3 seeds)`, or that it was not reached.

    Args:
        found: What is said.
        unit: What is counted, in the plural.
    """
    if found.ratio is None:
        return f"not reached in {found.seeds - found.reached} of {found.seeds} seeds"
    more = found.ratio < 0.995
    ratio = 1 / found.ratio if more else found.ratio
    lo, hi = (found.lo, found.hi) if not more or found.lo is None or found.hi is None else (1 / found.hi, 1 / found.lo)
    text = f"{ratio:.1f} times {'more' if more else 'fewer'} {unit}" if f"{ratio:.1f}" != "1.0" else f"as many {unit}"
    counted = f"{found.seeds} seed{'s' * (found.seeds != 1)}"
    text += f" ({counted})" if lo is None or hi is None else f" (95% interval {lo:.1f} … {hi:.1f}, {counted})"
    early = f"; in {found.at_first} of them at the first evaluation, so it may be sooner" if found.at_first else ""
    return text + early


def flips(scratch: Sequence[TrainingResult], transfer: Sequence[TrainingResult]) -> Flips:
    """Test pictures that one arm gets right and the other wrong, each in more than half of the seeds.

    Args:
        scratch: Results of the first arm, one for each seed.
        transfer: Of the second, on the same test pictures.
    """
    labels = np.array(scratch[0].labels)
    answers = [np.array([r.predictions for r in arm]) for arm in (scratch, transfer)]
    right = [(a == labels).mean(0) for a in answers]
    found, pictures = [], []
    for first, second in ((0, 1), (1, 0)):
        places = np.flatnonzero((right[first] > 0.5) & (right[second] < 0.5))
        sure = places[np.argsort(right[second][places] - right[first][places], kind="stable")].tolist()
        found.append(sure)
        pictures += [Flip(i, int(labels[i]), *(a[:, i].tolist() for a in answers)) for i in sure[:SHOWN]]
    return Flips(found[0], found[1], pictures, list(scratch[0].classes))
