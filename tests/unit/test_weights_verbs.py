"""`tltk weights …`: add, check, list, card and remove, with exit codes, sentences and JSON."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.support.shell import TINY, agree, here, said, tltk  # noqa: F401 – fixtures
from tltk import home
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.weights import store
from tltk.weights.load import build_net

NAME = "test_resnet"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing shipped and nothing in the hub's cache."""
    monkeypatch.setattr(store, "shipped_shelf", lambda: tmp_path / "shipped")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def written(path: Path, **header: str) -> Path:
    torch.manual_seed(5)
    tensors = timm.create_model(NAME, num_classes=11).state_dict()
    save_file({n: t.contiguous() for n, t in tensors.items()}, path, header or None)
    return path


def failed(code: int, sentence: str, *words: str) -> None:
    done = tltk("weights", *words)
    assert done.exit_code == code, done.output
    assert sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.usefixtures("here")
def test_add_list_card_check_remove(tmp_path: Path) -> None:
    file = written(tmp_path / "Some Net (v2)..final.safetensors", arch=NAME, licence="MIT")
    done = tltk("weights", "add", str(file))
    assert done.exit_code == 0, done.output
    first, *_, checksum, use = done.stdout.splitlines()
    assert first.startswith(f"{NAME}, ") and first.endswith("timm layout, classifier of 11 classes")
    assert checksum == f"SHA-256 {store.sha256(file)}"
    assert use == f"Added. Use it with --backbone {NAME} --weights store:some_net_v2_final"
    (row,) = said("weights", "list")
    entry = store.find("some_net_v2_final")
    assert row == {
        "weights": "store:some_net_v2_final",
        "backbone": NAME,
        "bytes": entry.card.bytes,
        "licence": "MIT",
        "summary": f"added from {file.name}",
    }
    assert tltk("weights", "list").stdout.split()[:2] == ["store:some_net_v2_final", NAME]
    told = said("weights", "card", "some_net_v2_final")
    assert (told["name"], told["licence"], told["weights"]) == ("some_net_v2_final", "MIT", row["weights"])
    assert tltk("weights", "card", "some_net_v2_final").stdout.startswith("# some_net_v2_final\n")
    assert said("weights", "check", "store:some_net_v2_final")["classes"] == 11  # as --weights takes them
    assert said("weights", "card", "store:some_net_v2_final") == told
    failed(2, "There is 'some_net_v2_final' already", "add", str(file))
    assert tltk("weights", "remove", "some_net_v2_final", input="n\n").exit_code == 1
    assert said("weights", "remove", "some_net_v2_final", "--yes") == {"name": "some_net_v2_final", "removed": True}
    assert said("weights", "list") == []
    assert "No weights here" in tltk("weights", "list").stdout


@pytest.mark.usefixtures("here")
def test_check_keeps_nothing(tmp_path: Path) -> None:
    found = said("weights", "check", str(written(tmp_path / "w.safetensors")), "--backbone", NAME)
    assert (found["backbone"], found["guessed"], found["name"]) == (NAME, False, "")
    assert store.entries() == []


@pytest.mark.usefixtures("here")
def test_check_is_one_where_it_is_not_whole(tmp_path: Path) -> None:
    file = written(tmp_path / "w.safetensors", arch=NAME)
    assert tltk("weights", "add", str(file), "--name", "mine").exit_code == 0
    kept = store.find("mine").file
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x01")
    failed(1, "must have the checksum of their card", "check", "mine")
    file.write_bytes(file.read_bytes()[:-9])
    failed(1, "w.safetensors", "check", str(file))
    failed(2, "w.safetensors", "add", str(file), "--name", "other")


def test_bad_input_is_two(tmp_path: Path) -> None:
    failed(2, "must exist. There is none at", "add", str(tmp_path / "none.pth"))
    failed(2, "must hold model.safetensors", "add", str(tmp_path))
    failed(2, "must exist. There is none at", "add", "/" + "a" * 300)
    failed(2, "is neither", "check", "a" * 300)
    failed(2, "no such user", "check", "~nosuchuser/x")
    (tmp_path / "page.pth").write_text("<!doctype html>")
    failed(2, "web page", "add", str(tmp_path / "page.pth"))
    failed(1, "web page", "check", str(tmp_path / "page.pth"))
    failed(2, "is neither", "check", "none")
    failed(2, "there is none yet", "card", "none")
    failed(2, "there is none yet", "remove", "none", "--yes")
    failed(2, "must be small letters", "add", str(written(tmp_path / "w.safetensors")), "--name", "../../x")


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.marker, "ran")


@pytest.mark.usefixtures("here")
def test_a_hostile_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps(Hostile(tmp_path / "marker")))
    for verb, code in (("add", 2), ("check", 1)):  # a check that fails has done what it was asked
        failed(code, "nothing that could run", verb, str(tmp_path / "w.pth"))
    assert not (tmp_path / "marker").exists() and not list(home.folder("weights").iterdir())


@pytest.mark.usefixtures("here")
def test_a_training_from_the_store_and_its_own_weights(tmp_path: Path) -> None:
    assert tltk("weights", "add", str(written(tmp_path / "w.safetensors", arch=NAME)), "--name", "mine").exit_code == 0
    done = said("run", *TINY, "--weights", "store:mine")
    assert done["state"] == "done"
    rows = {row["weights"]: row for row in said("weights", "list")}
    assert set(rows) == {"store:mine", f"run:{done['id']}"}
    assert rows[f"run:{done['id']}"]["summary"] == "trained on digits"
    found = said("weights", "check", str(Run.at(done["id"]).path / store.FILE))
    assert (found["backbone"], found["classes"]) == (NAME, 10)


def test_the_hubs_cache_is_listed(tmp_path: Path) -> None:
    files = {
        "models--timm--resnet18.a1_in1k": store.FILE,
        "models--a--b": store.FILE,
        "models--a--c": "pytorch_model.bin",
    }
    for folder, file in files.items():
        place = tmp_path / "hub" / folder / "snapshots" / "abc"
        place.mkdir(parents=True)
        (place / file).write_bytes(b"1234")
    rows = said("weights", "list")
    assert [(r["weights"].partition(":")[0], r["backbone"]) for r in rows] == [
        ("file", "a/b"),
        ("file", "a/c"),
        ("hub", "resnet18"),
    ]


@pytest.mark.shared
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("width", "classes", "padding", "told"),
    [
        ("100.tf2_in1k_q8_fp16", 1000, "plain", True),
        ("100.tf2_in1k_q8_fp16", 1000, "same", False),
        ("035.keras_in1k_f32", None, "same", True),
        ("035.keras_in1k_f32", None, "plain", False),
    ],
)
def test_real_weights(width: str, classes: int | None, padding: str, told: bool, shared: Path, tmp_path: Path) -> None:
    backbone = f"mobilenetv2_{width[:3]}"
    file = shared / "weights" / f"mobilenetv2_{width}.{padding}.safetensors"
    if not told:  # the same without its header's words, but for the padding
        nameless = tmp_path / file.name
        save_file(load_file(file), nameless, {"pad_type": "same"} if padding == "same" else None)
        file = nameless
    found = said("weights", "check", str(file))
    assert (found["backbone"], found["classes"], found["guessed"]) == (backbone, classes, not told)
    added = said("weights", "add", str(file), "--name", "mine")
    assert (added["sha256"], added["layout"]) == (store.sha256(file), "timm")
    nets = [build_net(NetSpec(backbone=backbone, weights=w), 2, 64, 3, 0) for w in ("store:mine", f"file:{file}")]
    assert all(torch.equal(t, nets[1].state_dict()[n]) for n, t in nets[0].state_dict().items())
    assert nets[0].options == nets[1].options == ({"pad_type": "same"} if padding == "same" else {})
    assert json.loads(tltk("weights", "card", "mine", "--json").stdout)["backbone"] == backbone
    assert [row["weights"] for row in said("weights", "list")] == ["store:mine"]


@pytest.mark.usefixtures("here")
def test_json_is_as_documented(tmp_path: Path) -> None:
    file = written(tmp_path / "mine.safetensors", arch=NAME)
    agree("tltk weights add", said("weights", "add", str(file)))
    agree("tltk weights add", said("weights", "check", str(file)))
    agree("tltk weights list", said("weights", "list")[0])
    agree("tltk weights card", said("weights", "card", "mine"))
    agree("tltk weights remove", said("weights", "remove", "mine", "--yes"))
