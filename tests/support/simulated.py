"""Studies whose true gap is known: what the interval of a verdict is held against.

An example is right with probability σ(arm + seed + example + arm × example + seed × example), all effects normal on
the logit scale; the arms' means are solved for, so that their accuracies differ by exactly the gap.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Interval = Callable[[Floats], tuple[float, float, float]]

SEEDS, EXAMPLES, BASES, GAP = (3, 5, 10), (20, 100, 800), (0.5, 0.7, 0.93), 0.05
NOISE = {  # standard deviations of seed, example, seed × example, arm × example
    "quiet": (0.05, 3.0, 0.5, 1.5),
    "moderate": (0.25, 2.0, 1.0, 1.0),
    "seedy": (0.6, 2.0, 0.5, 0.5),
}


OTHER_SEEDS, OTHER_EXAMPLES, OTHER_BASES = (4, 7, 20), (30, 250), (0.6, 0.85, 0.9)  # cells that nothing was chosen on
OTHER_NOISE = {"loud": (0.4, 1.5, 1.5, 0.8), "agreeing": (0.15, 2.5, 0.3, 0.2)}


def arms(
    count: int,
    seeds: int,
    n: int,
    base: float,
    gap: float,
    noise: str,
    draw: np.random.Generator,
    graded: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Right or wrong in both arms of so many studies, each (count, seeds, n); graded = the chance itself, 0 … 1."""
    deviations = (NOISE | OTHER_NOISE)[noise]
    of_seed, of_example, of_both, of_arm = deviations
    spread = draw.standard_normal(60_000) * math.sqrt(sum(s * s for s in deviations))
    common, found = draw.standard_normal((count, 1, n)) * of_example, []
    for accuracy in (base, base + gap):
        mean = brentq(lambda m, p=accuracy: expit(m + spread).mean() - p, -30, 30)
        logit = mean + common + draw.standard_normal((count, seeds, 1)) * of_seed
        logit = logit + draw.standard_normal((count, 1, n)) * of_arm + draw.standard_normal((count, seeds, n)) * of_both
        chance = expit(logit)
        found.append((chance if graded else draw.random(logit.shape) < chance).astype(np.float32))
    return found[0], found[1]


def studies(
    count: int,
    seeds: int,
    n: int,
    base: float,
    gap: float,
    noise: str,
    draw: np.random.Generator,
    graded: bool = False,
) -> NDArray[np.float32]:
    """Paired differences of so many studies, (count, seeds, n), each −1, 0 or 1; graded = between them too."""
    first, second = arms(count, seeds, n, base, gap, noise, draw, graded)
    return second - first


# Differences with no gap at all, where something other than luck of many examples decides.
NO_GAP: dict[str, Callable[[int, int, int, np.random.Generator], Floats]] = {
    # either arm is right with chance ½, decided by the example alone: the worst case for few examples
    "by example": lambda count, seeds, n, draw: np.repeat(
        (draw.random((count, 1, n)) < 0.5) * 1.0 - (draw.random((count, 1, n)) < 0.5), seeds, 1
    ),
    "one of two right": lambda count, seeds, n, draw: np.repeat(draw.choice([-1.0, 1.0], (count, 1, n)), seeds, 1),
    "few differ": lambda count, seeds, n, draw: np.repeat(
        draw.choice([-1.0, 0.0, 1.0], (count, 1, n), p=[0.15, 0.7, 0.15]), seeds, 1
    ),
    "by luck": lambda count, seeds, n, draw: (
        (draw.random((count, seeds, n)) < 0.5).astype(float) - (draw.random((count, seeds, n)) < 0.5)
    ),
    "moderate": lambda count, seeds, n, draw: studies(count, seeds, n, 0.7, 0.0, "moderate", draw).astype(float),
    "seedy": lambda count, seeds, n, draw: studies(count, seeds, n, 0.7, 0.0, "seedy", draw).astype(float),
}


def outcomes(interval: Interval, differences: NDArray[np.float32] | Floats, gap: float) -> tuple[float, float, float]:
    """Share of studies whose interval covers the gap, share with 0 left out on the gap's side, mean width in points."""
    found = np.array([interval(np.asarray(d, float)) for d in differences])
    low, high = found[:, 1], found[:, 2]
    covers = (low <= gap + 1e-9) & (gap - 1e-9 <= high)
    return float(covers.mean()), float((low > 0).mean()), float(100 * (high - low).mean())


def variance_components(difference: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """The textbook rival: two-way crossed random effects with Satterthwaite's degrees of freedom, nothing else."""
    seeds, n = difference.shape
    mean, by_seed, by_example = difference.mean(), difference.mean(1), difference.mean(0)
    rest = difference - by_seed[:, None] - by_example + mean
    error = float((rest**2).sum() / ((seeds - 1) * (n - 1)))
    seed, example = float(n * by_seed.var(ddof=1)), float(seeds * by_example.var(ddof=1))
    total = seed + max(example - error, 0.0)
    parts = seed**2 / (seeds - 1) + example**2 / (n - 1) + error**2 / ((seeds - 1) * (n - 1)) + 1e-12
    half = t.ppf((1 + level) / 2, max(total**2 / parts, 1.0)) * math.sqrt(total / (seeds * n))
    return float(mean), float(mean - half), float(mean + half)


def paired_bootstrap(difference: Floats, level: float = 0.95, resamples: int = 1000) -> tuple[float, float, float]:
    """What verdicts rested on before: a percentile bootstrap over seeds and examples, widened to Student's t."""
    seeds, n = difference.shape
    rng = np.random.default_rng(0)
    tail = (1 - level) / 2
    wide = math.sqrt(seeds / (seeds - 1)) * t.ppf(1 - tail, seeds - 1) / norm.ppf(1 - tail)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    by_seed = drawn @ difference.T
    middle = by_seed.mean(1)
    low, high = np.quantile(middle + wide * ((weights * by_seed).sum(1) - middle), [tail, 1 - tail])
    return float(difference.mean()), float(low), float(high)


def seed_bootstrap(a: Floats, b: Floats, draw: np.random.Generator, resamples: int = 2000) -> Floats:
    """The 95% interval of the difference of means as rliable has it: a percentile bootstrap of each arm's seeds.

    Runs are drawn again within each task, here one, and within each arm for itself; the test examples stay as they are.

    Reference: Agarwal, Schwarzer, Castro, Courville and Bellemare (2021), Deep reinforcement learning at the edge of the
        statistical precipice, NeurIPS, §4.1 (stratified bootstrap). arXiv:2108.13264.

    Args:
        a: Mean score of each seed of the first arm, (studies, seeds).
        b: Of the second.
        draw: Of the resamples.
        resamples: How many.

    Returns:
        (2, studies): low and high.
    """
    size = (resamples, a.shape[1])
    first, second = (x[:, draw.integers(0, a.shape[1], size)].mean(2) for x in (a, b))
    return np.asarray(np.quantile(second - first, [0.025, 0.975], axis=1))


def order_violation(a: Floats, b: Floats, draw: np.random.Generator, resamples: int = 500) -> Floats:
    """ε_min of almost stochastic order, that a is the better: below 0.2 it is taken to be, by its authors' advice.

    ε is the share of ∫(F_a⁻¹ − F_b⁻¹)² on which a's quantile is the lower; ε_min = ε + 1.645 σ̂ /√(S/2), with σ̂ from a
    bootstrap: the upper end of its 95% interval.

    Reference: Dror, Shlomov and Reichart (2019), Deep dominance: how to properly compare deep neural models, ACL, §4;
        Ulmer, Hardmeier and Frellsen (2022), deep-significance, §3 (the threshold). arXiv:2204.06815.

    Args:
        a: Mean score of each seed, (studies, seeds).
        b: Of the other arm.
        draw: Of the resamples.
        resamples: How many.

    Returns:
        (studies,), each 0 … 1.
    """

    def violation(one: Floats, other: Floats) -> Floats:
        apart = np.sort(other, -1) - np.sort(one, -1)
        whole = (apart**2).sum(-1)
        return np.asarray(np.where(whole > 0, (np.maximum(apart, 0) ** 2).sum(-1) / np.maximum(whole, 1e-12), 0.5))

    size, root = (resamples, a.shape[1]), math.sqrt(a.shape[1] / 2)
    found = violation(a, b)
    drawn = violation(a[:, draw.integers(0, a.shape[1], size)], b[:, draw.integers(0, a.shape[1], size)])
    sigma = (root * (drawn - found[:, None])).std(1)
    return np.asarray(np.clip(found + norm.ppf(0.95) * sigma / root, 0, 1))
