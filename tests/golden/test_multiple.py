"""Corrected p-values: Holm's against closed testing over all subsets, Benjamini and Hochberg's against SciPy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from tltk.shift.multiple import benjamini_hochberg, correct_p_values, describe_correction, holm

RNG = np.random.default_rng(31)
CASES = [RNG.uniform(size=m).tolist() for m in (1, 2, 3, 5, 7)] + [
    [0.01] * 5,
    [1 / 60] * 3,
    [0.0, 1.0, 0.5],
    [0.04, 0.01, 0.01, 0.03],
    (RNG.integers(1, 21, 6) / 20).tolist(),
]


def closed(p: list[float]) -> list[float]:
    """A hypothesis falls where every set of hypotheses with it falls by Bonferroni: the largest of their p-values."""
    sets = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    return [max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(len(p))]


@pytest.mark.parametrize("p", CASES)
def test_holm_is_closed_testing_by_bonferroni(p: list[float]) -> None:
    assert holm(p) == pytest.approx(closed(p), abs=1e-11)


@pytest.mark.parametrize("p", CASES)
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, method="bh").tolist(), abs=1e-11)


def test_a_corrected_p_that_is_five_per_cent_is_not_above_it() -> None:
    assert holm([1 / 60, 1 / 60, 1 / 60]) == [0.05] * 3
    assert holm([1 / 400] * 20) == [0.05] * 20
    assert benjamini_hochberg([3 / 60, 3 / 60]) == [0.05] * 2


def test_no_tests_are_no_corrections() -> None:
    assert holm([]) == benjamini_hochberg([]) == []
    assert correct_p_values([]) == []
    assert describe_correction(0, 199) == "No test was made." and "nothing to correct" in describe_correction(1, 199)


@pytest.mark.parametrize("tests", [2, 5, 12, 40])
def test_false_findings_are_as_rare_as_is_said(tests: int) -> None:
    """2,000 families without any effect: a finding by Holm in 5% of them at most, by the raw p in far more."""
    raw = family = 0
    for p in np.random.default_rng(tests).uniform(size=(2000, tests)).tolist():
        raw += min(p) <= 0.05
        family += min(holm(p)) <= 0.05
    assert family <= 2000 * 0.05 + 3 * np.sqrt(2000 * 0.05 * 0.95)
    assert raw == pytest.approx(2000 * (1 - 0.95**tests), rel=0.1)


@pytest.mark.parametrize(("tests", "permutations", "enough"), [(5, 19, 99), (20, 199, 399), (4, 39, 79)])
def test_too_few_permutations_are_said(tests: int, permutations: int, enough: int) -> None:
    text = describe_correction(tests, permutations)
    assert f"over all {tests} tests" in text and f"it takes {enough} or more" in text
    assert min(holm([1 / (permutations + 1)] * tests)) > 0.05 >= min(holm([1 / (enough + 1)] * tests))
    assert "it takes" not in describe_correction(tests, enough)
