"""A rate at which training diverges loses the search; it does not cost the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from tests.support.results import trained
from tltk import home
from tltk.errors import RunProblem
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.study import conduct


def stub(diverges: Callable[[TransferSpec], bool]) -> Callable[[list[Run], Callable[[Run], None]], None]:
    """Trainings that end at once: right on every second picture, or diverged."""

    def train_all(runs: list[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            assert isinstance(run.spec, TransferSpec)
            result = trained(val_accuracy=run.spec.optim.lr, val_loss=1.0, labels=[0, 1] * 10, predictions=[0, 0] * 10)
            lost = diverges(run.spec)
            body = json.dumps({"diverged": "The loss became nan."}).encode() if lost else msgspec.json.encode(result)
            home.write_atomic(run.path / "result.json", body)
            run.write_status(state="failed" if lost else "done")
            ended(run)

    return train_all


SPEC = CompareSpec(source=DataSpec("rendered_digits"), lrs=(0.001, 0.01, 0.1))


def test_the_best_rate_that_holds_is_taken() -> None:
    found = conduct(Run.create(SPEC), compare.compare(SPEC), stub(lambda s: s.optim.lr == 0.1), lambda *_: None).verdict
    assert (found.scratch_lr, found.transfer_lr) == (0.01, 0.01)
    assert found.search["scratch"] == {"0.001": 0.001, "0.01": 0.01, "0.1": 0.0}


def test_where_every_rate_diverges_the_sentence_says_so() -> None:
    with pytest.raises(RunProblem, match="At every rate that was tried, the scratch arm diverged"):
        conduct(Run.create(SPEC), compare.compare(SPEC), stub(lambda s: s.target.name == "digits"), lambda *_: None)


def test_a_measurement_that_diverges_is_told() -> None:
    with pytest.raises(RunProblem, match="must have a result"):
        conduct(Run.create(SPEC), compare.compare(SPEC), stub(lambda s: s.seed == 1), lambda *_: None)
