"""Recipes: stages that follow from one another, weights that come back as they were, sentences for what is no recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from tltk import home
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs.worker import Worker, execute
from tltk.nn.net import input_channels
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import recipe as pretrain
from tltk.weights import store
from tltk.weights.load import build_net

STAGES = [
    {
        "target": {"name": "contours:3", "n": 60, "size": 32},
        "net": {"backbone": "test_resnet"},
        "optim": {"epochs": 2, "batch_size": 16, "device": "cpu"},
    },
    {
        "target": {"name": "contours:2", "n": 40, "size": 40},
        "net": {"backbone": "test_resnet"},
        "optim": {"epochs": 1, "batch_size": 16, "device": "cpu"},
    },
]


def recipe(**changes: Any) -> pretrain.Recipe:
    return msgspec.convert({"name": "tiny", "stages": STAGES, "summary": "small", **changes}, pretrain.Recipe)


def one(spec: TransferSpec) -> Run:
    run = Run.create(spec)
    if run.result() is None:
        execute(run)
    return run


def test_each_stage_begins_where_the_one_before_ended() -> None:
    first, second = pretrain.stage_specs(recipe())
    assert first.net.weights == "scratch" and second.net.weights == f"run:{first.run_id}"
    assert second.target.size == 40


def test_from_recipe_to_network() -> None:
    plan = recipe(good_for="tests", bad_for="all else")
    runs = pretrain.train(plan, one)
    entry = pretrain.pack(plan, runs, home.folder("weights"))
    card = store.find("tiny").card
    assert card == entry.card and card.backbone == "test_resnet" and store.is_intact(entry) and not entry.shipped
    assert card.good_for == "tests" and card.source == "trained by tltk on contours:3, then contours:2"
    assert [s.run for s in card.stages] == [r.id for r in runs] and [s.classes for s in card.stages] == [3, 2]
    assert pretrain.pack(plan, runs, home.home() / "other").card.sha256 == card.sha256  # whoever packs them
    result = runs[1].result() or {}
    assert card.stages[1].accuracy == result["accuracy"] and card.stages[1].seen == result["images"]
    # What is kept is the trained backbone to half precision, and nothing of its head.
    kept = build_net(NetSpec("test_resnet", "store:tiny"), 5, 32, 3, seed=7).state_dict()
    trained = build_net(NetSpec("test_resnet", f"run:{runs[1].id}"), 5, 32, 3, seed=7).state_dict()
    for name, tensor in trained.items():
        if name.startswith("backbone.") and tensor.is_floating_point():
            np.testing.assert_allclose(kept[name], tensor, rtol=1e-3, atol=6e-8, err_msg=name)
    assert card.parameters == sum(
        t.numel() for n, t in trained.items() if n.startswith("backbone.") and "num_batches" not in n
    )
    assert all(torch.equal(kept[n], t) for n, t in trained.items() if n.startswith("head."))  # new in both
    # The rows of the training come with it, and can be opened like any run.
    for run in runs:
        run.delete()
    opened = store.open_runs(store.find("tiny"))
    assert [r.id for r in opened] == [s.run for s in card.stages]
    assert len(Run.open(runs[0].id).curve("accuracy").y) == 2 and Run.open(runs[0].id).status.state == "done"
    assert store.open_runs(entry)[0].path == opened[0].path  # and again


def test_a_recipe_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    train = Worker._train

    def counted(self: Worker, run: Run, spec: TransferSpec) -> None:
        trained.append(run.id)
        train(self, run, spec)

    monkeypatch.setattr(Worker, "_train", counted)
    plan = recipe()
    runs = pretrain.train(plan, one)
    assert pretrain.train(plan, one)[0].id == runs[0].id and trained == [r.id for r in runs]
    (runs[1].path / "result.json").unlink()
    runs[1].write_status(state="stopped")
    with pytest.raises(RunProblem, match="must have ended. It is stopped"):
        pretrain.train(plan, lambda spec: Run.create(spec))


def test_half_precision_only_where_it_fits() -> None:
    assert pretrain.to_half(np.array([1.5, -6e4], np.float32)).dtype == np.float32
    assert pretrain.to_half(np.array([1.5, -5e4], np.float32)).dtype == np.float16
    assert pretrain.to_half(np.array([np.nan], np.float32)).dtype == np.float32
    assert pretrain.to_half(np.array([3], np.int64)).dtype == np.int64
    assert pretrain.to_half(np.zeros((0,), np.float32)).dtype == np.float16


def test_what_is_no_recipe(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    with pytest.raises(UnknownName, match="A recipe must"):
        pretrain.read("nothing_like_it")
    for body, words in (
        ("[]", "must be JSON with a name and stages"),
        ('{"name": "a", "stages": [], "more": 1}', "unknown field"),
        ('{"name": "a", "stages": []}', "must have stages of one backbone"),
        (json.dumps({"name": "a", "stages": [{"net": {"backbone": "a"}}, {"net": {"backbone": "b"}}]}), "one backbone"),
        (json.dumps({"name": "a", "stages": [{"net": {"weights": "hub:"}}]}), "weights 'scratch'"),
        (json.dumps({"name": "a", "stages": [{"net": {"depth": 1}}]}), "depth"),
    ):
        file.write_text(body)
        with pytest.raises((BadSpec, UnknownName), match=words):
            pretrain.read(str(file))


def test_channels_are_those_of_the_first_convolution_whatever_comes_first_by_name() -> None:
    for name in ("mobilevit_xxs", "resnet10t", "test_efficientnet", "vit_tiny_patch16_224"):
        for channels in (1, 3, 5):
            made = build_net(NetSpec(name), 2, 32, channels, 0).backbone
            assert input_channels(name, {n: t.shape for n, t in made.state_dict().items()}) == channels
    assert input_channels("resnet10t", {}) == 3 and input_channels("no such net", {}) == 3
