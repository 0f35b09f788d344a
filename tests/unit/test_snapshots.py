"""Weights kept on the way: which epochs, as weights of their own, and as the frames of a film."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.support import engine
from tltk.analyses.embed.analysis import embed
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.sample import Context
from tltk.data import load
from tltk.errors import BadSpec, WeightsMissing
from tltk.jobs import worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights.load import build_net

DATA = DataSpec("digits", n=120)
SPEC = TransferSpec(
    target=DATA,
    net=NetSpec("test_resnet"),
    optim=OptimSpec(epochs=4, batch_size=32, snapshots=2, device="cpu"),
)


def trained(spec: TransferSpec = SPEC) -> Run:
    run = Run.create(spec)
    worker.execute(run)
    assert run.status.state == "done", run.status.message
    return run


def weights(name: str) -> dict[str, torch.Tensor]:
    return build_net(NetSpec("test_resnet", name), 10, 32, 3, 0).backbone.state_dict()


def test_before_training_and_every_second_epoch() -> None:
    run = trained()
    assert run.snapshots() == [0, 2, 4]
    first, last, end = (weights(f"run:{run.id}{at}") for at in ("@0", "@4", ""))
    scratch = weights("scratch")
    assert all(torch.equal(first[n], scratch[n]) for n in scratch)
    assert all(torch.equal(last[n], end[n]) for n in end)
    assert not all(torch.equal(first[n], end[n]) for n in end)
    with pytest.raises(WeightsMissing, match=r"must have kept the weights of epoch 3. It kept \[0, 2, 4\]"):
        weights(f"run:{run.id}@3")
    run.clear()
    assert run.snapshots() == []


def test_none_unless_asked_for() -> None:
    kept: list[int] = []
    made = engine.training(engine.spec(), callbacks=Callbacks(snapshot=lambda net, epoch: kept.append(epoch)))
    made.run()
    assert kept == []


def test_a_spec_without_snapshots_is_written_as_before_they_were() -> None:
    plain = dataclasses.replace(SPEC, optim=dataclasses.replace(SPEC.optim, snapshots=0))
    assert "snapshots" not in plain.to_json()
    assert "snapshots" in SPEC.to_json()
    assert read_spec(plain.to_json()) == plain
    assert read_spec(SPEC.to_json()) == SPEC


def test_a_film_through_the_epochs() -> None:
    run, context = trained(), Context(load, FeatureBank(), Callbacks())
    spec = EmbedSpec(target=DATA, net=NetSpec("test_resnet", f"run:{run.id}"), pictures=40, method="pca", over="epochs")
    found, sheet = embed(spec, context)
    assert [f.layer for f in found.frames] == [0, 2, 4]
    assert [f.name for f in found.frames] == ["epoch 0", "epoch 2", "epoch 4"]
    assert found.frames[0].x != found.frames[2].x
    assert sheet.width == 32 * 32
    with pytest.raises(BadSpec, match=r"the weights of a run that kept snapshots. Got 'scratch'"):
        embed(dataclasses.replace(spec, net=NetSpec("test_resnet")), context)
