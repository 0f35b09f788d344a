"""The corrected resampled t by its definition, its limits, and what an uncorrected one would say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.benchmarks.bench_cross_validate import coverage
from tltk.verdicts.resampled import corrected_interval, corrected_variance, repeats_needed

DIFFERENCES = np.array([0.02, 0.05, -0.01, 0.04, 0.03, 0.00, 0.06, 0.02, 0.01, 0.03])


def test_the_statistic_is_that_of_nadeau_and_bengio() -> None:
    """t = mean / √((1/J + n₂/n₁) s²) with J − 1 degrees of freedom; the interval leaves 0 out just where p < 0.05."""
    n, ratio = len(DIFFERENCES), 30 / 270
    s2 = sum((d - sum(DIFFERENCES) / n) ** 2 for d in DIFFERENCES) / (n - 1)
    spread = math.sqrt((1 / n + ratio) * s2)
    mean, low, high = corrected_interval(DIFFERENCES, ratio)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, n - 1, loc=mean, scale=spread), rel=1e-12)
    p = 2 * stats.t.sf(abs(mean) / spread, n - 1)
    _, edge, _ = corrected_interval(DIFFERENCES, ratio, 1 - p)
    assert edge == pytest.approx(0, abs=1e-12)
    assert corrected_interval(DIFFERENCES + 0.1, ratio)[1] == pytest.approx(low + 0.1)


def test_the_correction_is_what_a_correlation_between_folds_adds() -> None:
    """Var(mean) of J equal variances with correlation ρ = n₂/(n₁ + n₂), s² being (1 − ρ) σ² on average."""
    n, ratio, sigma2 = 10, 1 / 4, 3.0
    rho = ratio / (1 + ratio)
    together = np.full((n, n), rho * sigma2) + np.eye(n) * (1 - rho) * sigma2
    of_mean = float(np.ones(n) @ together @ np.ones(n)) / n**2
    values = np.array([1.0, -1.0] * 5) * math.sqrt((1 - rho) * sigma2 * (n - 1) / n)
    assert corrected_variance(values, ratio) == pytest.approx(of_mean)


def test_without_a_ratio_it_is_students_t() -> None:
    found = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.9)
    assert corrected_interval(DIFFERENCES, 0.0, 0.9)[1:] == pytest.approx((found.low, found.high))


def test_repeats_narrow_it_down_to_what_the_ratio_allows() -> None:
    """With one and the same spread, however many folds there are in all."""
    alike = {n: np.resize([0.02, -0.02], n) * math.sqrt((n - 1) / n) for n in (4, 50, 5000)}
    widths = [np.ptp(corrected_interval(values, 1 / 4)[1:]) for values in alike.values()]
    floor = 2 * stats.norm.ppf(0.975) * math.sqrt(1 / 4) * 0.02
    assert widths[0] > widths[1] > widths[2] and floor < widths[2] < floor * 1.01


def test_folds_that_are_all_alike_leave_a_width() -> None:
    """As wide as where one picture of one of the folds goes the other way."""
    one_wrong = np.array([1.0, 1.0, 1.0, 1.0, 1 - 1 / 20])
    alike = corrected_interval(np.ones(5), 1 / 4, step=1 / 20)
    assert np.ptp(alike[1:]) == pytest.approx(np.ptp(corrected_interval(one_wrong, 1 / 4)[1:]))
    assert corrected_interval(np.ones(1), 1 / 4)[1:] == (-math.inf, math.inf)


def test_how_many_repeats_would_settle_it() -> None:
    values = np.array([0.00, 0.06, 0.02, 0.05, -0.01])
    needed = repeats_needed(values, 5, 0.036)
    assert needed is not None and needed > 1
    widths = {r: corrected_interval(np.tile(values, r), 1 / 4)[2] - values.mean() for r in (needed - 1, needed)}
    spread = {r: np.tile(values, r).std(ddof=1) / values.std(ddof=1) for r in widths}  # of a sample that is repeated
    assert widths[needed] / spread[needed] < 0.036 <= widths[needed - 1] / spread[needed - 1]
    assert repeats_needed(values, 5, 0.001) is None


def test_coverage_where_the_truth_is_known() -> None:
    """Few studies: as often as it says, within chance; the uncorrected t misses far more often."""
    studies = 100
    found = coverage(n=60, folds=5, repeats=10, studies=studies, seed=1)
    assert found.corrected >= stats.binom.ppf(0.001, studies, 0.95) / studies
    assert found.plain < found.corrected - 0.15
