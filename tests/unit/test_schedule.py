"""Schedules against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tltk.errors import UnknownName
from tltk.specs.parts import SCHEDULES
from tltk.training.schedule import CYCLES, FLOOR, schedule

GRID = np.linspace(0, 1, 101)


def test_constant() -> None:
    assert all(schedule("constant", p) == 1 for p in GRID)


@pytest.mark.parametrize("p", GRID)
def test_cosine(p: float) -> None:
    assert schedule("cosine", p) == pytest.approx(FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * p)) / 2)


@pytest.mark.parametrize("p", GRID)
def test_one_cycle(p: float) -> None:
    if p < 0.3:
        wanted = 0.04 + 0.96 * (1 - math.cos(math.pi * p / 0.3)) / 2
    else:
        wanted = FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * (p - 0.3) / 0.7)) / 2
    assert schedule("one_cycle", p) == pytest.approx(wanted)


def test_one_cycle_peaks_at_thirty_per_cent_and_has_no_jump() -> None:
    values = [schedule("one_cycle", p) for p in np.linspace(0, 1, 10_001)]
    assert np.argmax(values) == 3000
    assert max(values) == pytest.approx(1)
    assert np.abs(np.diff(values)).max() < 1e-3


def test_warm_restarts_begin_anew_three_times() -> None:
    p = np.linspace(0, 1, 3001)
    values = np.array([schedule("warm_restarts", x) for x in p])
    jumps = np.flatnonzero(np.diff(values) > 0.5)
    assert len(jumps) == CYCLES - 1
    np.testing.assert_allclose(p[jumps + 1], [1 / 3, 2 / 3], atol=1e-3)
    assert [schedule("warm_restarts", k / CYCLES) for k in range(CYCLES)] == pytest.approx([1, 1, 1])
    assert schedule("warm_restarts", 1.0) == pytest.approx(FLOOR)
    for x in (0.05, 0.2, 0.3):
        assert schedule("warm_restarts", x + 1 / 3) == pytest.approx(schedule("warm_restarts", x))
        assert schedule("warm_restarts", x) == pytest.approx(schedule("cosine", 3 * x))


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([], 1),
        ([3, 2, 1], 1),
        ([1, 1, 1], 1),
        ([1, 1, 1, 1], 0.5),
        ([1, 2, 2, 0.9, 2, 2], 1),
        ([1, 2, 2, 2, 2, 2], 0.5),
        ([1, 2, 2, 2, 2, 2, 2], 0.25),
        ([1, 2, 2, 2, 0.5, 1, 1, 1], 0.25),
        ([math.nan, math.nan, math.nan], 0.5),
    ],
)
def test_plateau_halves_after_three_without_a_better_one(losses: list[float], factor: float) -> None:
    assert schedule("plateau", 0.5, history=losses) == factor


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("p", np.linspace(0, 0.199, 20))
def test_warmup_climbs_linearly_from_a_hundredth(name: str, p: float) -> None:
    assert schedule(name, p, warmup=0.2) == pytest.approx(0.01 + 0.99 * p / 0.2, rel=1e-12)


def test_after_the_warmup_the_form_begins() -> None:
    assert schedule("cosine", 0.2, warmup=0.2) == 1
    assert schedule("cosine", 0.6, warmup=0.2) == pytest.approx(schedule("cosine", 0.5))
    assert schedule("cosine", 1.0, warmup=0.2) == pytest.approx(FLOOR)
    assert schedule("cosine", 1.0, warmup=1.0) == pytest.approx(FLOOR)


@given(
    st.sampled_from(SCHEDULES),
    st.floats(0, 1.5),
    st.floats(0, 0.5),
    st.lists(st.floats(0, 1e6), max_size=30),
)
def test_always_between_nought_and_one(name: str, p: float, warmup: float, losses: list[float]) -> None:
    factor = schedule(name, p, warmup, losses)
    assert 0 < factor <= 1 or (name == "plateau" and factor >= 0)  # halved a thousand times it is 0


def test_unknown() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'cosine'"):
        schedule("cosin", 0)
