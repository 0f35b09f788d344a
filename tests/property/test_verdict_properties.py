"""What must hold of a verdict whatever the numbers are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tltk.results.curves import Curve
from tltk.verdicts.judge import mean_curve, paired_interval, time_to_best

DIFFERENCE = hnp.arrays(
    float, st.tuples(st.integers(1, 6), st.integers(1, 30)), elements=st.sampled_from([-1.0, 0.0, 1.0])
)


@given(DIFFERENCE)
@settings(max_examples=60, deadline=None)
def test_the_interval_is_ordered_and_finite(difference: np.ndarray) -> None:
    mean, low, high = paired_interval(difference)
    assert np.isfinite([mean, low, high]).all()
    assert -1 <= low <= mean <= high <= 1
    assert mean == difference.mean()


@given(DIFFERENCE)
@settings(max_examples=40, deadline=None)
def test_arms_change_places_and_the_interval_its_sign(difference: np.ndarray) -> None:
    mean, low, high = paired_interval(difference)
    swapped = paired_interval(-difference)
    np.testing.assert_allclose(swapped, (-mean, -high, -low), atol=1e-12)


@given(DIFFERENCE.filter(lambda d: len(d) > 1), st.floats(0.5, 0.9))
@settings(max_examples=40, deadline=None)
def test_a_higher_level_is_wider(difference: np.ndarray, level: float) -> None:
    _, low, high = paired_interval(difference, level)
    _, lower, higher = paired_interval(difference, 0.99)
    assert lower <= low + 1e-12
    assert high <= higher + 1e-12


LENGTHS = st.lists(st.lists(st.floats(0, 1), max_size=6), max_size=5)


@given(LENGTHS)
def test_a_mean_curve_lies_within_its_band(values: list[list[float]]) -> None:
    curves = [Curve("a", tuple(float(i) for i in range(len(y))), tuple(y)) for y in values]
    found = mean_curve("a", curves)
    assert len(found.x) == len(found.y) == max((len(y) for y in values), default=0)
    assert len(found.lo) == len(found.hi) == len(found.y)
    assert all(lo <= y <= hi for lo, y, hi in zip(found.lo, found.y, found.hi, strict=True))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.lists(st.floats(0, 1), max_size=8))
def test_the_time_to_best_is_the_first_at_or_above_it(scratch: list[float], transfer: list[float]) -> None:
    at, ratio = time_to_best(
        Curve("s", tuple(range(1, len(scratch) + 1)), tuple(scratch)),
        Curve("t", tuple(range(1, len(transfer) + 1)), tuple(transfer)),
    )
    reached = [i for i, y in enumerate(transfer, 1) if y >= max(scratch)]
    assert at == (reached[0] if reached else None)
    assert (ratio is None) == (at is None)
