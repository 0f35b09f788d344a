"""Weights in the states that need no browser: empty, shipped, added, cached, trained, a file checked and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, open_page, texts
from tests.support.results import imported, trained
from tltk import home
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import store, weightfile
from tltk.weights.store import Card

NAME = "test_resnet"


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the hub's cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def data() -> bytes:
    tensors = {n: t.contiguous() for n, t in timm.create_model(NAME, num_classes=0).state_dict().items()}
    return save(tensors, {"backbone": NAME})


def lines(app: Any) -> list[dict[str, Any]]:
    return [row for frame in app.dataframe for row in frame.value.to_dict("records")]


def button(app: Any, label: str) -> Any:
    return next(b for b in app.button if b.label == label)


def test_without_any_weights_it_says_how_to_get_some() -> None:
    app = open_page("weights")
    is_clean(app)
    assert "No weights here yet" in texts(app) and not lines(app)
    assert button(app, "Check it").disabled


def test_every_kind_has_its_line_with_its_size() -> None:
    torch.manual_seed(0)
    store.put(home.folder("weights"), data(), Card("mine", NAME, "", 0, 470_000, licence="MIT"))
    for hub_id in ("timm--resnet18.a1_in1k", "strange--net"):
        file = store.hub_cache() / f"models--{hub_id}" / "snapshots" / "1" / "model.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1000)
    run = Run.create(TransferSpec(net=NetSpec(NAME)))
    answered(run.spec, trained(accuracy=0.5))
    (run.path / "model.safetensors").write_bytes(b"x" * 2000)
    app = open_page("weights")
    is_clean(app)
    found = {row["weights"]: row for row in lines(app)}
    assert list(found) == ["store:mine", "not timm's", "hub:a1_in1k", f"run:{run.id}"]
    assert [row["MB"] for row in found.values()][1:] == [0.001, 0.001, 0.002]
    mine, strange, hub, own = found.values()
    assert (mine["from"], mine["licence"], mine["parameters"]) == ("you added it", "MIT", 0.47)
    assert (hub["backbone"], hub["licence"]) == ("resnet18", "apache-2.0") and 11 < hub["parameters"] < 12
    assert strange["backbone"] == "strange/net" and strange["licence"] == "see the hub"
    assert own["from"] == "a run on digits" and own["parameters"] > 0.3


def test_a_file_that_no_worker_could_use_is_refused_at_once(tmp_path: Path) -> None:
    tensors = timm.create_model(NAME, num_classes=0).state_dict()
    torch.save({n: t * float("nan") for n, t in tensors.items()}, tmp_path / "diverged.pth")
    app = open_page("weights")
    for path, words in (("/a/net.pth", "must exist"), (str(tmp_path / "diverged.pth"), "must be finite numbers")):
        app.text_input(key="weights:path").set_value(path).run()
        button(app, "Check it").click().run()
        assert not app.exception and not queue.jobs() and words in texts(app)


def test_a_file_is_looked_at_by_a_worker_and_its_answer_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    file.write_bytes(data())
    app = open_page("weights")
    app.text_input(key="weights:path").set_value(str(file)).run()
    app.text_input(key="weights:name").set_value("Not A Name").run()
    button(app, "Add it").click().run()
    assert not app.exception and not queue.jobs() and "Not A Name" in texts(app)
    app.text_input(key="weights:name").set_value("net").run()
    button(app, "Add it").click().run()
    assert not app.exception
    spec = ImportWeightsSpec(f"file:{file}", "", "net")
    assert [job.run for job in queue.jobs()] == [spec.run_id] and "Opening the file" in texts(app)
    found = imported(name="net", notes=["The first convolution reads 1 channel."])
    answered(spec, found)
    queue.remove(spec.run_id)
    app.run()
    is_clean(app)
    for part in (f"Added as net: {NAME}, 0.5 million parameters", "The first convolution reads 1 channel."):
        assert part in texts(app)


def test_the_page_names_every_kind_of_file_that_is_read() -> None:
    said = texts(open_page("weights"))
    for name in (*weightfile.SUFFIXES, "model.safetensors.index.json", "folder"):
        assert name in said


def test_what_the_hub_has_fetched_in_any_of_its_layouts_is_there_and_can_be_looked_into() -> None:
    folders = []
    for i, name in enumerate(weightfile.IN_FOLDER):
        file = store.hub_cache() / f"models--strange--net{i}" / "snapshots" / "1" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
        folders.append(file.parent)
    app = open_page("weights")
    is_clean(app)
    assert [row["backbone"] for row in lines(app)] == [f"strange/net{i}" for i in range(len(folders))]
    app.session_state["weights:table"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
    app.run()
    is_clean(app)
    assert "strange/net2 is not among timm's own weights" in texts(app)
    button(app, "Check what it is").click().run()
    is_clean(app)
    assert queue.jobs() == []  # what lies there is no file of weights: that is told, and nothing is queued
    assert any(str(e.value) for e in app.error)
