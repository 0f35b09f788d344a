"""Transfer metrics after Taylor & Stone (2009), §2.2, recomputed with NumPy and SciPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import trapezoid

from tests.support.results import trained
from tltk.results.curves import Curve
from tltk.verdicts.transfer import flips, mean_interval, speed_up, speed_up_in_words, time_to, transfer_metrics

RNG = np.random.default_rng(3)
X: NDArray[np.float64] = np.linspace(20.0, 180.0, 9, dtype=np.float64)
SCRATCH = np.sort(RNG.uniform(0.1, 0.6, (4, 9)), axis=1)
TRANSFER = np.sort(RNG.uniform(0.4, 0.9, (4, 9)), axis=1)


def curves(y: NDArray[np.float64], x: NDArray[np.float64] = X) -> list[Curve]:
    return [Curve("", tuple(x.tolist()), tuple(row.tolist())) for row in y]


def expected(values: NDArray[np.float64]) -> tuple[float, float, float]:
    lo, hi = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    return float(values.mean()), float(lo), float(hi)


def test_each_metric_is_its_formula_with_student_s_interval_over_the_seeds() -> None:
    found = {m.name: m for m in transfer_metrics(curves(SCRATCH), curves(TRANSFER))}
    assert list(found) == ["jump_start", "slope", "asymptote", "area_ratio"]
    slopes = [np.array([np.polyfit(X, y, 1)[0] * (X[-1] - X[0]) for y in arm]) for arm in (SCRATCH, TRANSFER)]
    areas = [np.array([trapezoid(y, X) for y in arm]) for arm in (SCRATCH, TRANSFER)]
    per_seed = {
        "jump_start": TRANSFER[:, 0] - SCRATCH[:, 0],
        "slope": slopes[1] - slopes[0],
        "asymptote": TRANSFER[:, -2:].mean(1) - SCRATCH[:, -2:].mean(1),
        "area_ratio": (areas[1] - areas[0]) / areas[0],
    }
    for name, values in per_seed.items():
        one = found[name]
        assert (one.value, one.lo, one.hi) == pytest.approx(expected(values), rel=1e-9), name
        assert one.seeds == 4
    assert found["slope"].scratch == pytest.approx(slopes[0].mean())
    test = stats.ttest_rel(TRANSFER[:, 0], SCRATCH[:, 0]).confidence_interval(0.95)
    assert (found["jump_start"].lo, found["jump_start"].hi) == pytest.approx((test.low, test.high))


def test_slope_and_area_are_taken_where_both_have_a_curve() -> None:
    """The transfer arm stopped early, and what scratch did afterwards is not held against it."""
    found = {m.name: m for m in transfer_metrics(curves(SCRATCH), curves(TRANSFER[:, :5], X[:5]))}
    area = [trapezoid(y[:, :5], X[:5], axis=1) for y in (SCRATCH, TRANSFER)]
    assert found["area_ratio"].value == pytest.approx(((area[1] - area[0]) / area[0]).mean())
    slope = [np.array([np.polyfit(X[:5], y[:5], 1)[0] * (X[4] - X[0]) for y in arm]) for arm in (SCRATCH, TRANSFER)]
    assert found["slope"].value == pytest.approx((slope[1] - slope[0]).mean())


def test_what_cannot_be_said_is_left_out() -> None:
    one = {m.name: m for m in transfer_metrics(curves(SCRATCH[:, :1], X[:1]), curves(TRANSFER[:, :1], X[:1]))}
    assert set(one) == {"jump_start", "asymptote"}, "a point has no slope and no area"
    nothing = {m.name for m in transfer_metrics(curves(0 * SCRATCH), curves(TRANSFER))}
    assert "area_ratio" not in nothing and "slope" in nothing
    single = transfer_metrics(curves(SCRATCH[:1]), curves(TRANSFER[:1]))
    assert all(m.lo is None and m.hi is None and m.seeds == 1 for m in single)
    assert transfer_metrics([], []) == [] and mean_interval(np.array([2.0])) == (2.0, None, None)


def test_speed_up_is_the_geometric_mean_of_paired_ratios() -> None:
    scratch = curves(np.array([[0.1, 0.3, 0.5, 0.4], [0.2, 0.3, 0.4, 0.6], [0.1, 0.2, 0.5, 0.5]]), X[:4])
    transfer = curves(np.array([[0.5, 0.6, 0.7, 0.7], [0.4, 0.7, 0.7, 0.7], [0.3, 0.5, 0.7, 0.7]]), X[:4])
    found = speed_up("step", scratch, transfer)
    assert found is not None
    theirs, ours = np.array([60.0, 80.0, 60.0]), np.array([20.0, 40.0, 40.0])
    assert (found.scratch, found.transfer) == pytest.approx((theirs.mean(), ours.mean()))
    middle, lo, hi = expected(np.log(theirs / ours))
    assert (found.ratio, found.lo, found.hi) == pytest.approx((math.exp(middle), math.exp(lo), math.exp(hi)))
    assert found.ratio == pytest.approx(stats.gmean(theirs / ours))
    assert (found.reached, found.at_first, found.seeds) == (3, 1, 3)
    assert "times fewer steps (95% interval" in speed_up_in_words(found, "steps")
    assert "in 1 of them at the first evaluation" in speed_up_in_words(found, "steps")
    slower = speed_up("step", transfer, scratch)
    assert slower is not None and slower.ratio is None


def test_where_a_seed_never_gets_there_no_speed_up_is_told() -> None:
    scratch, transfer = curves(SCRATCH), curves(TRANSFER)
    low = [transfer[0], *curves(0.1 * SCRATCH[1:])]
    found = speed_up("seconds", scratch, low)
    assert found is not None and (found.ratio, found.lo, found.transfer) == (None, None, None)
    assert (found.reached, found.seeds) == (1, 4)
    assert speed_up_in_words(found, "seconds") == "not reached in 3 of 4 seeds"
    assert time_to(low[1], 0.99) is None and speed_up("step", [], []) is None


def test_an_arm_that_is_slower_is_told_so() -> None:
    y = np.array([[0.1, 0.3, 0.5, 0.6]] * 2)
    found = speed_up("step", curves(y[:, ::-1] * 0 + y[:, 1:2], X[:4]), curves(y, X[:4]))
    assert found is not None and found.ratio == pytest.approx(0.5)
    assert speed_up_in_words(found, "steps").startswith("2.0 times more steps (95% interval 2.0 … 2.0, 2 seeds)")


def test_flips_are_those_of_most_seeds() -> None:
    labels = [0, 0, 0, 1, 1]
    scratch = [trained(labels=labels, predictions=p) for p in ([0, 0, 1, 0, 1], [0, 0, 1, 0, 1], [0, 1, 0, 0, 1])]
    transfer = [trained(labels=labels, predictions=p) for p in ([1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 0, 1, 0, 1])]
    found = flips(scratch, transfer)
    assert (found.lost, found.gained) == ([0, 1], [3]), "the surest first; the third is wrong in both"
    assert [(f.index, f.label, f.scratch, f.transfer) for f in found.pictures] == [
        (0, 0, [0, 0, 0], [1, 1, 1]),
        (1, 0, [0, 0, 1], [1, 1, 0]),
        (3, 1, [0, 0, 0], [1, 1, 0]),
    ]
    two = flips(scratch[:2], transfer[:2])
    assert 2 not in two.gained, "right in one of two seeds is not most"


def test_intervals_of_differences_end_where_accuracies_do() -> None:
    """Two seeds that go opposite ways: Student's t of two is 12.7 standard errors wide."""
    wild = {
        m.name: m
        for m in transfer_metrics(curves(np.array([[0.1] * 9, [0.9] * 9])), curves(np.array([[0.9] * 9, [0.1] * 9])))
    }
    assert (wild["jump_start"].lo, wild["jump_start"].hi) == (wild["asymptote"].lo, wild["asymptote"].hi) == (-1.0, 1.0)
    assert wild["area_ratio"].lo == -1.0 and (wild["area_ratio"].hi or 0.0) > 1, "an area may be many times another"
