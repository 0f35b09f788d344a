"""What a study cost: of which trainings, in which words, and what is said where something is not known."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

from tests.support.ledgers import SPEC, study
from tests.support.results import trained
from tests.support.shell import tltk
from tltk.analyses.inspect.spec import InspectSpec
from tltk.errors import BadSpec, RunProblem
from tltk.results.words import joules_in_words, spent_in_words
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.studies.budget import budget_flags, gflops
from tltk.studies.compare.study import source_spec
from tltk.studies.ledger import caption, ledger, table


def test_pre_training_is_counted_as_the_reader_chooses() -> None:
    run, _ = study()
    whole, shared, none = (ledger(run, uses) for uses in (1, 10, 0))
    assert [one.totals["scratch"].seconds for one in (whole, shared, none)] == [34.0] * 3
    assert [one.totals["transfer"].seconds for one in (whole, shared, none)] == [52.0, 25.0, 22.0]
    assert "with all its pre-training" in caption(whole)
    assert "with 1/10 of its pre-training" in caption(shared)
    assert "without pre-training" in caption(none)


def test_the_condition_is_told_with_its_figures() -> None:
    run, _ = study()
    time, flops, *_ = ledger(run).sentences
    assert "T_transfer + T_inference < T_scratch + T_inference does not hold for transfer to equal accuracy" in time
    assert "30 s + 1.33 s + 1 s ≥ 8 s + 1 s, with the pre-training of 30 s shared by 1 use" in time
    assert time.endswith("it holds from 5 uses of the weights on.")
    assert "50 GFLOPs + 4 GFLOPs + 0.2 GFLOPs ≥ 12 GFLOPs + 0.2 GFLOPs" in flops
    time, *_ = ledger(run, 5).sentences
    assert "T_inference holds for transfer" in time and "6 s + 1.33 s + 1 s < 8 s + 1 s" in time


def test_what_is_never_reached_has_no_break_even() -> None:
    run, _ = study({"scratch": [[0.1, 0.2, 0.3, 0.4]] * 3, "transfer": [[0.5] * 4, [0.3] * 4, [0.5] * 4]})
    found = ledger(run)
    assert all(one.transfer is None and one.uses is None and one.holds is None for one in found.break_even)
    assert "in some seed it never is as accurate" in found.sentences[0]


def test_an_arm_that_takes_longer_never_pays_off() -> None:
    slow = [[0.1, 0.2, 0.3, 0.4]] * 3
    run, _ = study({"scratch": [[0.4, 0.3, 0.3, 0.3]] * 3, "transfer": slow})
    assert "it never does, since a training with transferred weights takes no less." in ledger(run, 9).sentences[0]
    assert ledger(run, 0).break_even[0].holds is False


def test_unequal_budgets_are_flagged() -> None:
    run, _ = study()
    assert ledger(run).flags == []
    run, _ = study(gflops=4.0)
    [flag] = ledger(run).flags
    assert flag == (
        "The arms differ in FLOPs: 4 GFLOPs (transfer) to 12 GFLOPs (scratch). Budgets are not equal. "
        "Steps and pictures are equal."
    )
    both = {"a": [trained(steps=10)], "b": [trained(steps=12), trained(steps=14)]}
    assert budget_flags(both) == ["The arms differ in steps: 10 (a) to 14 (b). Budgets are not equal."]
    assert budget_flags({"a": [trained(gflops=None)], "b": [trained(gflops=3.0)]}) == [], "FLOPs that are not known"
    assert budget_flags({"a": [trained(gflops=1000.0)], "b": [trained(gflops=1004.0)]}) == [], "within a hundredth"
    assert budget_flags({}) == [] and budget_flags({"a": []}) == []


def test_energy_is_marked_and_carbon_told_only_with_a_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = study()
    found = ledger(run)
    assert all(row.energy_source == "estimated" and row.co2_grams is None for row in found.totals.values())
    assert "CO₂" not in table(found)[0] and "(estimated)" in table(found)[1][-1]
    assert "Energy is estimated: seconds × a stated power (12 W), since no counter could be read." in found.sentences
    monkeypatch.setenv("TLTK_GRAMS_PER_KWH", "300")
    stated = ledger(run)
    assert table(stated)[0][-1] == "CO₂" and "CO₂ by the stated factor of 300 g/kWh." in stated.sentences
    assert ledger(run, 1, 100.0).grams_per_kwh == 100.0, "what is said goes before what the environment says"
    monkeypatch.setenv("TLTK_GRAMS_PER_KWH", "much")
    with pytest.raises(BadSpec, match="TLTK_GRAMS_PER_KWH must be grams of CO₂ per kWh, a number. Got 'much'"):
        ledger(run)
    measured, _ = study(energy_source="rapl", watts=0.0)
    assert ledger(measured, 1, 0.0).totals["transfer"].energy_source == "estimated", "some of it is"


def test_trainings_that_are_gone_are_said_and_old_ones_open() -> None:
    run, _ = study()
    gone = next(c for c in run.children() if c.role == "measure")
    shutil.rmtree(Run.at(gone.id).path)
    found = ledger(run)
    assert found.totals["scratch"].missing == 1 and found.totals["scratch"].measured == 2
    assert "1 training diverged, or are gone, and not counted." in found.sentences
    run, _ = study(joules=None, energy_source="", peak_memory=0)
    found = ledger(run)
    assert found.totals["transfer"].joules is None and found.totals["scratch"].joules is not None
    assert "Some trainings are of a version that did not tell their energy." in found.sentences


def test_a_training_has_a_ledger_with_the_training_before_it() -> None:
    run, _ = study()
    one = Run.at(next(c.id for c in run.children() if (c.arm, c.role) == ("transfer", "measure")))
    found = ledger(one, 3)
    [row] = found.rows
    assert (row.arm, row.seconds) == ("this training", 4.0)
    assert found.totals["this training"].seconds == pytest.approx(4 + 30 / 3) and found.break_even == []
    source = source_spec(SPEC)
    assert source is not None and ledger(Run.at(source.run_id)).pretraining == {}


def test_what_has_no_ledger_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="A ledger is of a training or a study"):
        ledger(Run.create(InspectSpec(DataSpec("digits"))))
    with pytest.raises(RunProblem, match="must hold a training with a result to have a ledger"):
        ledger(Run.create(SPEC))
    run, _ = study()
    with pytest.raises(BadSpec, match="shared by 0 to 1,000,000,000 uses"):
        ledger(run, -1)
    with pytest.raises(BadSpec, match="must be between 0 and 10,000. Got -5"):
        ledger(run, 1, -5.0)


def test_the_shell_prints_it_and_json_is_the_same() -> None:
    run, _ = study()
    done = tltk("ledger", run.id, "--amortise", "10", "--grams-per-kwh", "400")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Each arm with 1/10 of its pre-training") and lines[1].split()[:2] == [
        "arm",
        "trainings",
    ]
    assert [line.split("  ")[0].strip() for line in lines[2:5]] == ["scratch", "transfer", "pre-training"]
    assert any(line.startswith("In time, T_transfer") for line in lines)
    body = json.loads(tltk("ledger", run.id, "--amortise", "10", "--grams-per-kwh", "400", "--json").stdout)
    assert body == msgspec.to_builtins(ledger(run, 10, 400.0))


def test_amounts_have_units_that_suit() -> None:
    assert [joules_in_words(v) for v in (12.3, 1234.0, 3.4e6, 7.2e6)] == ["12.3 J", "1.23 kJ", "3,400 kJ", "2 kWh"]
    assert [gflops(v) for v in (0.5, 1234.0, 2.5e6)] == ["0.5 GFLOPs", "1.23 TFLOPs", "2.5 PFLOPs"]
    told = trained(peak_memory=671 * 10**6, joules=250.0, energy_source="estimated", watts=12.0)
    assert spent_in_words(told) == "Used 671 MB of memory at most and 250 J (estimated: seconds × 12 W)."
    measured = msgspec.structs.replace(told, energy_source="rapl", peak_memory=0)
    assert spent_in_words(measured) == "Used 250 J (by the processor's counter)."
    assert spent_in_words(trained()) == ""
