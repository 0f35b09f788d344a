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


def studies(
    count: int, seeds: int, n: int, base: float, gap: float, noise: str, draw: np.random.Generator
) -> NDArray[np.float32]:
    """Paired differences of so many studies, (count, seeds, n), each −1, 0 or 1."""
    of_seed, of_example, of_both, of_arm = NOISE[noise]
    spread = draw.standard_normal(60_000) * math.sqrt(sum(s * s for s in NOISE[noise]))
    common, found = draw.standard_normal((count, 1, n)) * of_example, []
    for accuracy in (base, base + gap):
        mean = brentq(lambda m, p=accuracy: expit(m + spread).mean() - p, -30, 30)
        logit = mean + common + draw.standard_normal((count, seeds, 1)) * of_seed
        logit = logit + draw.standard_normal((count, 1, n)) * of_arm + draw.standard_normal((count, seeds, n)) * of_both
        found.append((draw.random(logit.shape) < expit(logit)).astype(np.float32))
    return found[1] - found[0]


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
