"""The sums of a ledger and its break-even, recomputed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.ledgers import study
from tests.support.values import present
from tltk.studies.ledger import co2, ledger, uses_until


@pytest.mark.parametrize(
    ("pretraining", "transfer", "scratch"),
    [(20.0, 1.0, 4.0), (20.0, 1.0, 3.0), (0.0, 1.0, 3.0), (7.5, 0.0, 0.1), (1e6, 2.0, 2.5)],
)
def test_break_even_is_the_first_number_of_uses_for_which_the_condition_holds(
    pretraining: float, transfer: float, scratch: float
) -> None:
    uses = uses_until(pretraining, transfer, scratch)
    assert uses is not None
    tried = np.arange(max(uses - 50, 1), uses + 50, dtype=np.float64)
    holds = pretraining / tried + transfer < scratch
    assert tried[holds.argmax()] == uses and holds[tried >= uses].all() and not holds[tried < uses].any()


@pytest.mark.parametrize(("transfer", "scratch"), [(2.0, 2.0), (3.0, 2.0)])
def test_where_a_training_saves_nothing_it_never_pays_off(transfer: float, scratch: float) -> None:
    assert uses_until(10.0, transfer, scratch) is None
    assert not (10.0 / np.logspace(0, 12, 50) + transfer < scratch).any()


def test_grams_are_kilowatt_hours_times_the_stated_factor() -> None:
    assert co2(7.2e6, 400.0) == pytest.approx(np.float64(7.2e6) / (1000 * 3600) * 400)
    assert co2(7.2e6, None) is None and co2(None, 400.0) is None and co2(1.0, 0.0) == 0.0


@pytest.mark.parametrize("amortise", [0, 1, 8])
def test_totals_are_the_sums_over_the_trainings_of_an_arm(amortise: int) -> None:
    run, results = study()
    found = ledger(run, amortise, 250.0)
    rows = {row.arm: row for row in found.rows}
    before = results["source"]
    for arm in ("scratch", "transfer"):
        mine = results[arm]
        row, total = rows[arm], found.totals[arm]
        for what in ("steps", "images", "gflops", "seconds", "joules"):
            own = math.fsum(getattr(r, what) for r in mine)
            assert getattr(row, what) == pytest.approx(own), what
            share = sum(getattr(r, what) for r in before) / amortise if arm == "transfer" and amortise else 0.0
            assert getattr(total, what) == pytest.approx(own + share, abs=0.5 * (what in ("steps", "images"))), what
        assert total.co2_grams == pytest.approx(present(total.joules) / 3.6e6 * 250)
        assert row.peak_memory == max(r.peak_memory for r in mine)
        assert (row.search, row.measured, row.missing) == (2, 3, 0)


def test_break_even_is_of_the_times_to_equal_accuracy() -> None:
    """Scratch is at its best after the fourth epoch, transfer as good after the first or the second."""
    run, results = study()
    found = {(one.arm, one.unit): one for one in ledger(run).break_even}
    time, flops = found["transfer", "seconds"], found["transfer", "gflops"]
    ours = np.mean([1.0, 2.0, 1.0])  # an epoch takes a second of the transfer arm, and 3 GFLOPs
    theirs = 4 * 2.0
    assert (time.transfer, time.scratch, time.pretraining) == pytest.approx((ours, theirs, 30.0))
    assert (flops.transfer, flops.scratch, flops.pretraining) == pytest.approx((3 * ours, 4 * 3.0, 50.0))
    assert time.inference == pytest.approx(0.01 * 100) and flops.inference == pytest.approx(0.002 * 100)
    for one in (time, flops):
        assert one.uses == math.floor(one.pretraining / (one.scratch - present(one.transfer))) + 1
        assert one.holds is False
    again = {one.unit: one for one in ledger(run, 100).break_even}
    assert again["seconds"].holds and again["gflops"].holds
