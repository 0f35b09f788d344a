"""Does transfer help? The statistics of a comparison: numbers in, a `Verdict` out. NumPy alone.

The two arms are compared on the same test pictures with the same seeds, so everything is paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.results import ClassGap, Curve, Verdict

Floats = NDArray[np.float64]
RESAMPLES = 4000
MIN_SEEDS = 3


def paired_bootstrap(
    difference: Floats, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of paired differences and its interval, resampling seeds and test pictures.

    A replicate draws seeds and pictures with replacement. A bootstrap over few seeds is too narrow
    (three seeds know little of their own spread), so the part of a replicate that comes from the
    seeds is widened by √(S/(S−1)) · t(S−1)/z, Student's quantile over the normal one.

    Reference:
        Efron and Tibshirani (1993), An introduction to the bootstrap, §13.3 (percentile interval);
        pairing over runs and samples as in Bouthillier et al. (2021), Accounting for variance in
        machine learning benchmarks, MLSys, §4. arXiv:2103.03098.

    Args:
        difference: (seeds, pictures): transfer right − scratch right, each −1, 0 or 1.
        level: Coverage of the interval, 0…1.
        resamples: Number of replicates.
        seed: Seed of the resampling.

    Returns:
        (mean, low, high), in the unit of `difference`.
    """
    n_seeds, n = difference.shape
    rng = np.random.default_rng(seed)
    wide = _widening(n_seeds, level)
    found: list[Floats] = []
    for at in range(0, resamples, 500):
        count = min(500, resamples - at)
        pictures = rng.multinomial(n, np.full(n, 1 / n), size=count) / n  # (count, pictures)
        seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=count) / n_seeds
        by_seed = pictures @ difference.T  # (count, seeds)
        middle = by_seed.mean(1)
        found.append(middle + wide * ((seeds * by_seed).sum(1) - middle))
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return float(difference.mean()), float(low), float(high)


def _widening(n_seeds: int, level: float) -> float:
    """√(S/(S−1)) · t(S−1)/z; 1 for a single seed, whose spread cannot be known at all."""
    from scipy.special import ndtri, stdtrit

    if n_seeds < 2:
        return 1.0
    upper = 1 - (1 - level) / 2
    return float(math.sqrt(n_seeds / (n_seeds - 1)) * stdtrit(n_seeds - 1, upper) / ndtri(upper))


def label_of(low: float, high: float, n_seeds: int) -> str:
    """helps, hurts, or cannot tell: the interval decides, and below three seeds nothing is decided."""
    if n_seeds >= MIN_SEEDS and low > 0:
        return "helps"
    return "hurts" if n_seeds >= MIN_SEEDS and high < 0 else "cannot tell"


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
        label, tuple(x.tolist()), tuple(mean.tolist()), tuple((mean - half).tolist()), tuple((mean + half).tolist()),
        longest.x_unit,
    )


def jump_start(scratch: Curve, transfer: Curve) -> float:
    """Difference of accuracy at the first evaluation.

    Reference: Taylor and Stone (2009), Transfer learning for reinforcement learning domains: a
    survey, JMLR 10, §2.2 (jumpstart).
    """
    return transfer.y[0] - scratch.y[0] if scratch.y and transfer.y else 0.0


def area_ratio(scratch: Curve, transfer: Curve) -> float:
    """(area under transfer − area under scratch) / area under scratch, over steps.

    Reference: Taylor and Stone (2009), JMLR 10, §2.2 (transfer ratio).
    """
    below = np.trapezoid(scratch.y, scratch.x)
    if len(scratch.x) < 2 or below <= 0:
        return 0.0
    return float((np.trapezoid(transfer.y, transfer.x) - below) / below)


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


def judge(
    scratch: NDArray[np.bool_],
    transfer: NDArray[np.bool_],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int,
    images: int,
    lrs: Mapping[str, float],
    search: Mapping[str, Mapping[str, float]],
    by_step: Mapping[str, Curve],
    by_second: Mapping[str, Curve],
    shots: int = 0,
) -> Verdict:
    """The verdict from which test pictures each arm got right with each seed.

    Args:
        scratch: (seeds, pictures), right or wrong.
        transfer: The same of the other arm; same seeds, same pictures.
        labels: (pictures,) class of each test picture.
        classes: Names of the classes.
        seeds: The seeds, in the order of the rows.
        steps: Optimiser steps of each run of either arm.
        images: Pictures seen in each run.
        lrs: Arm → learning rate that the search chose.
        search: Arm → learning rate → validation accuracy.
        by_step: Arm → mean validation curve over steps.
        by_second: Arm → mean validation curve over seconds.
        shots: Labelled pictures per class, 0 = all; for the sentence.

    Raises:
        BadSpec: The arms do not have the same seeds and pictures.
    """
    if scratch.shape != transfer.shape or scratch.shape != (len(seeds), len(labels)):
        raise BadSpec(
            f"Both arms must have the same seeds and test pictures. "
            f"Got {scratch.shape} and {transfer.shape} for {len(seeds)} seeds and {len(labels)} pictures."
        )
    difference = transfer.astype(float) - scratch.astype(float)
    gap, low, high = paired_bootstrap(difference)
    label = label_of(low, high, len(seeds))
    to_step, sooner = time_to_best(by_step["scratch"], by_step["transfer"])
    to_second, quicker = time_to_best(by_second["scratch"], by_second["transfer"])
    verdict = Verdict(
        label=label, gap=gap, lo=low, hi=high,
        scratch=float(scratch.mean()), transfer=float(transfer.mean()),
        seeds=tuple(seeds), n_test=len(labels), steps=steps, images=images,
        scratch_lr=lrs["scratch"], transfer_lr=lrs["transfer"],
        search={arm: dict(found) for arm, found in search.items()},
        per_class=_per_class(scratch, transfer, labels, classes),
        jump_start=jump_start(by_step["scratch"], by_step["transfer"]),
        area_ratio=area_ratio(by_step["scratch"], by_step["transfer"]),
        steps_to_scratch_best=None if to_step is None else int(to_step), speed_up_steps=sooner,
        seconds_to_scratch_best=to_second, speed_up_seconds=quicker,
        sentence="",
    )  # fmt: skip
    import dataclasses

    return dataclasses.replace(verdict, sentence=_sentence(verdict, difference, shots))


def _per_class(
    scratch: NDArray[np.bool_], transfer: NDArray[np.bool_], labels: NDArray[np.int64], classes: Sequence[str]
) -> tuple[ClassGap, ...]:
    """Each class with an interval at level 1 − 0.05/classes, so that all of them hold together."""
    found = []
    present = [i for i in range(len(classes)) if (labels == i).any()]
    for i in present:
        at = labels == i
        difference = transfer[:, at].astype(float) - scratch[:, at].astype(float)
        gap, low, high = paired_bootstrap(difference, 1 - 0.05 / len(present))
        accuracy = (float(scratch[:, at].mean()), float(transfer[:, at].mean()))
        found.append(ClassGap(classes[i], *accuracy, gap, low, high, label_of(low, high, len(scratch))))
    return tuple(found)


def _points(share: float, sign: bool = True) -> str:
    return f"{100 * share:{'+' if sign else ''}.1f}".replace("-", "−")


def _sentence(v: Verdict, difference: Floats, shots: int) -> str:
    """The verdict in words, with every figure that it rests on."""
    start = {"helps": "Transfer helps", "hurts": "Transfer hurts", "cannot tell": "Cannot tell"}[v.label]
    data = f"with {shots} label{'s' if shots > 1 else ''} per class" if shots else "with all labels"
    text = (
        f"{start}: {data}, the network with transferred weights gets {_points(v.transfer, False)} % of "
        f"{v.n_test:,} test pictures right, the one from scratch {_points(v.scratch, False)} %. "
        f"The gap is {_points(v.gap)} points (95 % interval {_points(v.lo)} … {_points(v.hi)}, "
        f"{len(v.seeds)} seeds). Each run had {v.steps:,} steps and {v.images:,} pictures; the learning rates, "
        f"{v.scratch_lr:g} for scratch and {v.transfer_lr:g} for transfer, were each the best of "
        f"{len(v.search['scratch'])} on the validation pictures."
    )
    return text + (f" {_what_next(v, difference)}" if v.label == "cannot tell" else "")


def _what_next(v: Verdict, difference: Floats) -> str:
    """What would settle it: more seeds, more test pictures, or nothing, since the gap is too small."""
    n_seeds, n = difference.shape
    if n_seeds < MIN_SEEDS:
        return f"A verdict needs at least {MIN_SEEDS} seeds."
    if abs(v.gap) < 0.005:
        return "The arms are closer than half a point; at this budget it makes no difference which one you take."
    needed = _seeds_needed(v.gap, float(difference.mean(0).var()) / n, float(difference.mean(1).var(ddof=1)))
    if needed is None:
        return "More seeds would not settle a gap of this size; more test pictures would."
    return f"About {max(needed, n_seeds + 1)} seeds would settle a gap of this size, if it stays."


def _seeds_needed(gap: float, pictures: float, seeds: float) -> int | None:
    """The fewest seeds whose interval would leave out 0, for these variances of the mean gap.

    Args:
        gap: The gap as it is now.
        pictures: Variance that comes from the choice of test pictures.
        seeds: Variance of one seed's gap.

    Returns:
        A number of seeds up to 100; None where the test pictures alone are too few.
    """
    for n in range(MIN_SEEDS, 101):
        wide = _widening(n, 0.95) ** 2 * (n - 1) / n  # of the seeds' part, on top of the normal quantile
        if 1.96**2 * (pictures + wide * seeds / n) < gap**2:
            return n
    return None
