"""Soups of trainings that share a start: the average is the average, and greedy keeps what helps."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tltk.analyses.sample import Context
from tltk.analyses.soup.analysis import average, soup
from tltk.analyses.soup.spec import SoupSpec
from tltk.analyses.soup.table import lines
from tltk.data import load
from tltk.errors import BadSpec, UnknownName, WeightsMissing
from tltk.jobs import executor
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import store
from tltk.weights.load import source_classifier

START = NetSpec("test_efficientnet", weights="store:test_efficientnet_formulas")
ASKED = TransferSpec(
    DataSpec("digits", n=300, size=32), START, optim=OptimSpec(epochs=2, lr=3e-3, batch_size=32, device="cpu")
)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Three trainings from the same weights, at other seeds."""
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Inline")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    return [executor().submit(dataclasses.replace(ASKED, seed=seed)) for seed in range(3)]


def context() -> Context:
    return Context(load, FeatureBank(), Callbacks())


def test_a_soup_of_runs(runs: list[Run]) -> None:
    found = soup(SoupSpec(tuple(run.id for run in runs), "mine"), context())
    rows = {row.name: row for row in found.rows}
    for run in runs:
        result = run.read(TrainingResult)
        assert result is not None
        assert rows[run.id].accuracy == pytest.approx(result.accuracy), "each is what it was when it was trained"
    best = max(runs, key=lambda run: rows[run.id].val)
    assert found.rows[0].name == best.id and (found.rows[0].gap, found.rows[0].lo) == (0.0, 0.0)
    assert rows["greedy"].val >= rows[best.id].val and rows["greedy"].parts[0] == best.id
    assert set(rows["uniform"].parts) == set(rows["ensemble"].parts) == {run.id for run in runs}
    assert rows["greedy"].lo <= rows["greedy"].gap <= rows["greedy"].hi
    assert found.sentence in lines(found) and not found.remarks
    # What is kept is that very network, with its classes.
    kept = load_file(store.find("mine").file)
    states = [load_file(store.run_weights(name)[1]) for name in rows["greedy"].parts]
    assert torch.allclose(kept["conv_stem.weight"], average(states)["backbone.conv_stem.weight"])
    head = source_classifier(NetSpec("test_efficientnet", weights="store:mine"))
    assert head is not None and head.classes == tuple("0123456789")
    assert torch.allclose(head.weight, average(states)["head.0.weight"])


def test_the_average_is_numpy_s() -> None:
    g = torch.Generator().manual_seed(0)
    states = [{"w": torch.randn(3, 4, generator=g), "n": torch.tensor(i)} for i in range(5)]
    found = average(states)
    assert np.allclose(found["w"].numpy(), np.mean([s["w"].double().numpy() for s in states], 0), atol=1e-7)
    assert int(found["n"]) == 0 and torch.equal(average([states[0]] * 3)["w"], states[0]["w"])
    with pytest.raises(BadSpec, match="same tensors"):
        average([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}])


@pytest.mark.parametrize("changes", [{"target": DataSpec("digits", n=200, size=32)}, {"net": NetSpec("test_resnet")}])
def test_what_does_not_belong_together_is_refused(runs: list[Run], changes: dict[str, Any]) -> None:
    other = executor().submit(dataclasses.replace(ASKED, **changes))
    with pytest.raises(BadSpec, match="one network and head on one target"):
        soup(SoupSpec((runs[0].id, other.id)), context())


def test_runs_that_are_not_done() -> None:
    waiting = Run.create(dataclasses.replace(ASKED, seed=9))
    later = Run.create(dataclasses.replace(ASKED, seed=10))
    with pytest.raises(WeightsMissing, match="must have finished"):
        soup(SoupSpec((waiting.id, later.id)), context())


def test_a_soup_of_one_is_refused() -> None:
    for runs in ((), ("a",), ("a", "a")):
        with pytest.raises(BadSpec, match="two finished trainings"):
            SoupSpec(runs).check()
    with pytest.raises(UnknownName):
        soup(SoupSpec(("abcdef012345", "abcdef012346")), context())
