"""Does transfer help? The statistics of a comparison: scores in, a `Verdict` out. NumPy and SciPy's quantiles alone.

The two arms are compared on the same test examples with the same seeds, so everything is paired.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tltk.errors import BadSpec
from tltk.results.curves import Curve
from tltk.results.verdict import ClassGap, Verdict
from tltk.verdicts.metrics import ACCURACY, WORDS

Floats = NDArray[np.float64]
MIN_SEEDS = 3
DELTA = 0.01  # gaps within ± this share count as none, once the whole interval lies within
CLIMB = 0.02  # a validation accuracy that gained this much in the last quarter is still climbing
MAX_FLIPPED_EXAMPLES = 200  # examples that differ up to which the sign-flip test is asked too
RISE = 1.2  # a validation loss of this many times its least has risen


# -- the interval ----------------------------------------------------------------------------------------


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
    def of(cls, difference: Floats, least: float) -> Spread:
        """The mean squares of paired differences, (seeds, examples); both numbers at least 2.

        Args:
            difference: Score of one arm less that of the other, each −1 … 1.
            least: What the examples' sum of squares is at least.
        """
        n_seeds, n = difference.shape
        mean, by_seed, by_example = difference.mean(), difference.mean(1), difference.mean(0)
        rest = difference - by_seed[:, None] - by_example + mean
        return cls(
            seed=float(n * ((by_seed - mean) ** 2).sum() / (n_seeds - 1)),
            example=n_seeds * _example_squares(by_example, least) / (n - 1),
            rest=float((rest**2).sum() / ((n_seeds - 1) * (n - 1))),
            n_seeds=n_seeds,
            n=n,
        )

    def half_width(self, level: float) -> float:
        """Half the width of the mean's interval: Student's t on the sum of mean squares, at least the examples' own.

        Satterthwaite's degrees of freedom, with the seeds' mean square (S + 1)/(S − 1) times what it is: of few seeds
        it is mostly too small, and so would be their say. Normal effects are then covered with at least .94 by three
        seeds, .945 by five, whatever part of the variance is theirs; by Satterthwaite's own, with .92 and .94.
        """
        from scipy.special import stdtrit

        rows, columns = self.n_seeds - 1, self.n - 1
        total = max(self.seed + max(self.example - self.rest, 0.0), self.example)
        seed = self.seed * (self.n_seeds + 1) / rows
        parts = seed**2 / rows + self.example**2 / columns + self.rest**2 / (rows * columns)
        freedom = max((total - self.seed + seed) ** 2 / parts, 1.0) if parts else math.inf
        return float(stdtrit(freedom, (1 + level) / 2) * math.sqrt(total / (self.n_seeds * self.n)))

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


def _example_squares(by_example: Floats, least: float) -> float:
    """Sum of squares of the examples around their mean; examples that are all alike would leave no width."""
    return float(max(((by_example - by_example.mean()) ** 2).sum(), least))


def _one_the_other_way(difference: Floats, scale: float = 1.0) -> float:
    """What one more example adds to the sum of squares that went the other way, as far as it can."""
    return float((max(scale, float(np.abs(difference).max(initial=0.0))) + abs(difference.mean())) ** 2)


def _half_width(difference: Floats, level: float, least: float) -> float:
    """Half the width of the interval, of the examples alone where there is one seed."""
    from scipy.special import stdtrit

    n_seeds, n = difference.shape
    if n_seeds > 1:
        return Spread.of(difference, least).half_width(level)
    squares = _example_squares(difference[0], least)
    return float(stdtrit(n - 1, (1 + level) / 2) * math.sqrt(squares / ((n - 1) * n)))


def paired_interval(difference: Floats, level: float = 0.95, scale: float = 1.0) -> tuple[float, float, float]:
    """Mean of paired differences and its interval, for other seeds and other test examples than these.

    With d[s, i] = μ + seed_s + example_i + rest_si, all effects random,
    Var(mean) = (E MS_seed + E MS_example − E MS_rest) / (S n); each end is Student's t away (`Spread.half_width`).

    The end towards 0 has half of what may be wrong, (1 − level)/2, so 0 is left out no more often than the level says.
    The end away from 0 has a quarter: scores end at 1, so where arms are nearly always right a gap that came out too
    small comes with a spread that came out too small, and that end would be passed twice as often as the other.

    Where examples tell too little about their spread:

    - their sum of squares is at least that of one example that went the other way, of half of one for the end towards
      0 (`_one_the_other_way`), which has a second guard:
    - 0 is let in unless the sign-flip test over examples, which is exact, is against it too (`sign_flip_p`);
    - a single example leaves −1 … +1.

    Seeds are taken to differ as draws from a normal distribution do: where one seed decides for all examples, and by a
    toss, three that agree say less than this interval does.

    Simulations of coverage, false verdicts and power: `python -m tests.benchmarks interval`.

    Reference:
        Searle, Casella and McCulloch (1992), Variance components, §4.3 (two-way crossed, random); Satterthwaite
        (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin 2(6), eq. (17);
        pairing over runs and examples as in Bouthillier et al. (2021), Accounting for variance in machine learning
        benchmarks, MLSys, §4. arXiv:2103.03098.

    Args:
        difference: (seeds, examples): score of one arm less that of the other; −1 … 1 where a score is right or wrong.
        level: Coverage of the interval, 0…1.
        scale: How far an example can go the other way: 1, or more where rare classes weigh more (pseudo-values).

    Returns:
        (mean, low, high), within −1 … 1. With one seed the interval is of the examples alone.

    Example:
        >>> paired_interval(np.ones((3, 1)))  # three seeds, one picture: this says nothing yet
        (1.0, -1.0, 1.0)
    """
    n_seeds, n = difference.shape
    mean = float(difference.mean())
    if n < 2:
        return mean, -1.0, 1.0
    other = _one_the_other_way(difference, scale)
    outer = _half_width(difference, (1 + level) / 2, other)
    inner = _half_width(difference, level, other / 2) if mean else outer
    below, above = (inner, outer) if mean > 0 else (outer, inner)
    low, high = max(mean - below, -1.0), min(mean + above, 1.0)
    if (low > 0 or high < 0) and sign_flip_p(difference.mean(0), n_seeds) > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return mean, low, high


def mean_interval(scores: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Mean score of one arm and its interval, for other seeds and other test examples than these.

    As `paired_interval`, but both ends are those away from 0: an accuracy near 1 comes with too small a spread as well.

    Args:
        scores: (seeds, examples), each 0 … 1, or pseudo-values (`example_scores`).
        level: Coverage of the interval, 0 … 1.

    Returns:
        (mean, low, high), within 0 … 1.
    """
    mean = float(scores.mean())
    if scores.shape[1] < 2:
        return mean, 0.0, 1.0
    most = max(float(np.abs(scores).max()), 1.0)  # pseudo-values of rare classes go beyond 1
    half = _half_width(scores, (1 + level) / 2, max(mean, most - mean) ** 2)
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)


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


def look_level(n_looks: int, level: float = 0.95) -> float:
    """The level of each of several looks at which all of them together err as rarely as one look at `level`.

    1 − (1 − level)/n: what may be wrong is spent in equal parts (Bonferroni), which holds however the looks depend on
    each other. To stop at the first look that tells something is then allowed.

    Reference:
        Armitage, McPherson and Rowe (1969), Repeated significance tests on accumulating data, JRSS A 132(2), §2 (what
        looking does); Lan and DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70(3)
        (spending an error rate).

    Args:
        n_looks: How often it may be looked at, at least 1.
        level: Of all of them together.

    Example:
        >>> look_level(5)
        0.99
    """
    return 1 - (1 - level) / n_looks


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


def judge(
    a: ArrayLike,
    b: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    seeds: Sequence[int] = (),
    level: float = 0.95,
    delta: float = DELTA,
    names: tuple[str, str] = ("the first", "the second"),
    metric: str = ACCURACY,
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
        metric: What the scores are of; of anything but accuracy they are pseudo-values (`example_scores`), which may
            leave 0 … 1, and no class gets a verdict.

    Returns:
        A verdict: `label` (helps, hurts, no difference, cannot tell), `gap` (b − a), `lo`, `hi`, `sentence`.

    Raises:
        BadSpec: Scores that are not numbers from 0 to 1, or arms that do not belong together.

    Example:
        >>> judge([[0, 1, 0, 0]] * 3, [[1, 1, 1, 0]] * 3).label  # four examples are too few
        'cannot tell'
    """
    first, second = _scores(a, "a", metric), _scores(b, "b", metric)
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
    scale = max(1.0, float(np.abs(first).max()), float(np.abs(second).max()))
    gap, low, high = paired_interval(difference, level, scale)
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
        per_class=() if labels is None or metric != ACCURACY else _per_class(first, second, labels, level, delta),
        metric=metric,
    )
    what = "" if metric == ACCURACY else f", by {WORDS[metric]}"
    text = (
        f"{label.capitalize()}: {names[0]} scores {format_points(verdict.scratch, False)}% on average over {n:,} "
        f"example{'s' if n > 1 else ''}, {names[1]} {format_points(verdict.transfer, False)}%{what}. "
        f"{gap_clause(verdict)}"
    )
    return dataclasses.replace(verdict, sentence=" ".join([text, *advise(verdict, difference)]))


def _scores(values: ArrayLike, name: str, metric: str = ACCURACY) -> Floats:
    """Scores as (seeds, examples), checked."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadSpec(f"{name} must hold numbers, one row per seed, rows of one length. It does not.") from None
    found = found[None] if found.ndim == 1 else found
    if found.ndim != 2 or not found.size:
        raise BadSpec(f"{name} must be an array of (seeds, examples) with at least one of each. Got {found.shape}.")
    if metric != ACCURACY and np.isfinite(found).all():
        return found
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
    """`The gap is +5.0 points (95% interval +1.2 … +8.8, 3 seeds).`"""
    seeds = f"{len(v.seeds)} seed{'s' if len(v.seeds) > 1 else ''}"
    interval = f"{100 * v.level:g}% interval {format_points(v.lo)} … {format_points(v.hi)}"
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
    spread = Spread.of(difference, _one_the_other_way(difference) / 2)
    seeds = next((s for s in range(n_seeds + 1, 101) if spread.expected_half_width(v.level, s, n) < abs(wanted)), None)
    if seeds is not None:
        return [f"About {seeds} seeds would {aim}."]
    more = next((k for k in range(2, 101) if spread.expected_half_width(v.level, 10, k * n) < abs(wanted)), None)
    if more is None:
        return [f"No number of seeds up to 100 and no test set up to 100 times as large would {aim}."]
    return [f"More seeds alone would not {aim}; 10 seeds and about {more * n:,} test examples would."]


# -- curves ----------------------------------------------------------------------------------------------


def mean_curve(label: str, curves: Sequence[Curve]) -> Curve:
    """The mean of several seeds' curves with its 95% interval (Student's t over seeds).

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
