"""The interval of paired scores, for other seeds and other test examples, and what it says.

NumPy and SciPy's quantiles alone. Studies, analyses and verdicts share it.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MIN_SEEDS = 3
DELTA = 0.01  # gaps within ± this share count as none, once the whole interval lies within
MAX_FLIPPED_EXAMPLES = 200  # examples that differ up to which the sign-flip test is asked too


@dataclasses.dataclass(frozen=True)
class Spread:
    """Mean squares of a two-way layout without replication, and the numbers of rows and columns.

    `seed` has the expectation σ²_rest + n σ²_seed, `example` σ²_rest + S σ²_example, `rest` σ²_rest.
    """

    seed: float
    example: float
    rest: float
    n_seeds: int
    n: int

    @classmethod
    def of(cls, difference: Floats) -> Spread:
        """The mean squares of paired differences, (seeds, examples); both numbers at least 2."""
        n_seeds, n = difference.shape
        mean, by_seed, by_example = difference.mean(), difference.mean(1), difference.mean(0)
        rest = difference - by_seed[:, None] - by_example + mean
        return cls(
            seed=float(n * ((by_seed - mean) ** 2).sum() / (n_seeds - 1)),
            example=n_seeds * _example_squares(by_example) / (n - 1),
            rest=float((rest**2).sum() / ((n_seeds - 1) * (n - 1))),
            n_seeds=n_seeds,
            n=n,
        )

    def half_width(self, level: float) -> float:
        """Half the width of the interval of the mean: the mean of Satterthwaite's and of the generalised one."""
        return (self._satterthwaite(level) + self._generalised_half_width(level)) / 2

    def expected_half_width(self, level: float, n_seeds: int, n: int) -> float:
        """The same to expect of other numbers of seeds and examples, with the variances found here.

        Args:
            level: Of confidence, between 0 and 1.
            n_seeds: At least 2.
            n: Test examples, at least 2.
        """
        by_seed = max(self.seed - self.rest, 0.0) / self.n
        by_example = max(self.example - self.rest, 0.0) / self.n_seeds
        there = Spread(self.rest + n * by_seed, self.rest + n_seeds * by_example, self.rest, n_seeds, n)
        return there.half_width(level)

    def _satterthwaite(self, level: float) -> float:
        """Student's t on the sum of mean squares, which is at least the examples' own."""
        from scipy.special import stdtrit

        total = max(self.seed + max(self.example - self.rest, 0.0), self.example)
        rows, columns = self.n_seeds - 1, self.n - 1
        parts = self.seed**2 / rows + self.example**2 / columns + self.rest**2 / (rows * columns)
        freedom = max(total**2 / parts, 1.0) if parts else math.inf
        return float(stdtrit(freedom, (1 + level) / 2) * math.sqrt(total / (self.n_seeds * self.n)))

    def _generalised_half_width(self, level: float) -> float:
        """The half width h at which Φ(−h/σ), averaged over the σ that the mean squares allow, is the tail."""
        from scipy.optimize import brentq
        from scipy.special import ndtr

        rows, columns = self.n_seeds - 1, self.n - 1
        seed, example, rest = _chi_squares(rows, columns)
        spread = rows * self.seed / seed + np.maximum(
            columns * self.example / example - rows * columns * self.rest / rest, 0
        )
        deviation = np.sqrt(spread / (self.n_seeds * self.n))
        tail, most = (1 - level) / 2, float(deviation.max())
        if most == 0:
            return 0.0
        deviation = np.maximum(deviation, 1e-12)
        return float(brentq(lambda h: ndtr(-h / deviation).mean() - tail, 0.0, 40 * most, xtol=1e-9))


@functools.cache
def _chi_squares(rows: int, columns: int) -> Floats:
    """(3, 1024) draws of χ² with rows, columns, and rows × columns degrees of freedom, evenly spread."""
    from scipy.special import chdtri

    steps = 1.2207440846057596 ** -np.arange(1, 4)[:, None]  # the R₃ sequence: 1/g, 1/g², 1/g³ with g⁴ = g + 1
    even = (0.5 + steps * np.arange(1, 1025)) % 1
    return np.stack([chdtri(freedom, even[i]) for i, freedom in enumerate((rows, columns, rows * columns))])


def _example_squares(by_example: Floats) -> float:
    """Sum of squares of the examples around their mean, at least that of one example that went the other way.

    Examples that are all alike would leave the interval without width; one more, as far the other way as it can be,
    lies (1 + |mean|) from the mean. From some twenty examples that differ on, this changes nothing.
    """
    mean = by_example.mean()
    return float(max(((by_example - mean) ** 2).sum(), (1 + abs(mean)) ** 2))


def paired_interval(difference: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of paired differences and its interval, for other seeds and other test examples than these.

    With d[s, i] = μ + seed_s + example_i + rest_si, all effects random,
    Var(mean) = (E MS_seed + E MS_example − E MS_rest) / (S n). Its half width is the mean of two: Student's t with
    Satterthwaite's degrees of freedom, which is short where five to ten seeds differ much, and the generalised
    interval, which is long where three seeds hardly differ. Where examples tell too little about their spread:

    - their sum of squares is at least that of one example that went the other way (`_example_squares`);
    - 0 is let in unless the sign-flip test over examples, which is exact, is against it too (`sign_flip_p`);
    - a single example leaves −1 … +1.

    Seeds are taken to differ as draws from a normal distribution do: where one seed decides for all examples, and by a
    toss, three that agree say less than this interval does.

    Simulations of coverage, false verdicts and power: `python -m tests.benchmarks interval`.

    Reference:
        Searle, Casella and McCulloch (1992), Variance components, §4.3 (two-way crossed, random); Satterthwaite
        (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin 2(6), eq. (17);
        Weerahandi (1993), Generalized confidence intervals, JASA 88(423); pairing over runs and examples as in
        Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks, MLSys, §4. arXiv:2103.03098.

    Args:
        difference: (seeds, examples): score of one arm less that of the other, each −1 … 1.
        level: Coverage of the interval, 0…1.

    Returns:
        (mean, low, high), within −1 … 1. With one seed the interval is of the examples alone.

    Example:
        >>> paired_interval(np.ones((3, 1)))  # three seeds, one picture: this says nothing yet
        (1.0, -1.0, 1.0)
    """
    from scipy.special import stdtrit

    n_seeds, n = difference.shape
    mean = float(difference.mean())
    if n < 2:
        return mean, -1.0, 1.0
    if n_seeds > 1:
        half = Spread.of(difference).half_width(level)
    else:
        squares = _example_squares(difference[0])
        half = float(stdtrit(n - 1, (1 + level) / 2) * math.sqrt(squares / ((n - 1) * n)))
    low, high = max(mean - half, -1.0), min(mean + half, 1.0)
    if (low > 0 or high < 0) and sign_flip_p(difference.mean(0), n_seeds) > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return mean, low, high


def sign_flip_p(by_example: Floats, n_seeds: int = 1) -> float:
    """P(|Σ ±d_i| ≥ |Σ d_i|) over all signs: exact where examples are as likely to go one way as the other.

    Student's t is too bold where a few examples decide: six that all go one way happen by chance with 2 · 2⁻⁶.

    Reference: Fisher (1935), The design of experiments, §21; Ernst (2004), Permutation methods, Statistical Science
    19(4), §3.

    Args:
        by_example: Mean difference of each example, −1 … 1.
        n_seeds: What it is a mean over: then sums of right and wrong are whole numbers, and the answer is exact. Other
            scores are rounded to 1/(64 · n_seeds).

    Returns:
        A probability; 0 above 200 examples that differ, where Student's t needs no help.
    """
    sizes = np.abs(by_example[by_example != 0])
    if len(sizes) > MAX_FLIPPED_EXAMPLES:
        return 0.0
    whole = bool(np.allclose(sizes * n_seeds, np.round(sizes * n_seeds), atol=1e-6))
    grid = n_seeds if whole else 64 * n_seeds
    steps = np.round(sizes * grid).astype(int)
    reached = abs(int(np.round(by_example * grid).astype(int).sum()))
    chance = np.zeros(2 * int(steps.sum()) + 1)
    middle = int(steps.sum())
    chance[middle] = 1.0
    for step in steps:  # the distribution of the sum, one sign after the other
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    return float(min(chance[middle + reached :].sum() + chance[: middle - reached + 1].sum(), 1.0))


def classify_interval(low: float, high: float, n_seeds: int, delta: float = DELTA) -> str:
    """What the interval says: helps, hurts, no difference (all of it within ±delta), or cannot tell.

    Below three seeds nothing is decided.

    Args:
        low: Lower end of the interval of transfer − scratch, as a share.
        high: Its upper end.
        n_seeds: How many seeds it rests on.
        delta: The largest difference, as a share, that does not matter.
    """
    if n_seeds < MIN_SEEDS:
        return "cannot tell"
    if low > 0 or high < 0:
        return "helps" if low > 0 else "hurts"
    return "no difference" if -delta <= low and high <= delta else "cannot tell"
