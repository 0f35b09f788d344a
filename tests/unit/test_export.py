"""What is written for others is loaded by timm as it is: the store's entries, and exports with weights."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.support.shell import TINY, agree, here, said, tltk  # noqa: F401 – fixtures
from tltk.analyses.import_weights.analysis import import_weights
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.nn.net import Net
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import load as weights
from tltk.weights import store, weightfile
from tltk.weights.export import export_bytes

FAMILIES = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet", "mobilevit_xxs", "regnetx_002", "dla46_c")
CLASSES = ["a cat", "ein Hündchen", "c"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "shipped_shelf", lambda: tmp_path / "shipped")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def finished(name: str, head: str = "linear", dropout: float = 0.0) -> tuple[Run, Net]:
    """A run with weights of its own, as a training leaves it."""
    spec = TransferSpec(net=NetSpec(name, head=head, dropout=dropout))
    net = weights.build_net(spec.net, 3, 64, 3, 7).eval()
    run = Run.create(spec)
    told = {"classes": json.dumps(CLASSES), "data": "folder:pets", "size": "64", "run": run.id}
    weights.save(net, spec.net, run.path / "model.safetensors", **told)
    run.write_status(state="done")
    return run, net


def answers_alike(file: Path, name: str, net: Net) -> None:
    """timm's own model of that name, with the file as it is, gives the same logits."""
    options = {"img_size": 64} if name == "test_vit" else {}
    model = timm.create_model(name, num_classes=3, checkpoint_path=str(file), **options).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model(x), net(x)[1], atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_export_and_an_entry_of_the_store(name: str, tmp_path: Path) -> None:
    run, net = finished(name, dropout=0.2 if name == "test_resnet" else 0.0)
    with zipfile.ZipFile(io.BytesIO(export_bytes(run, weights=True))) as archive:
        archive.extractall(tmp_path / "zip")
    file = tmp_path / "zip" / run.id / "model.safetensors"
    import_weights(ImportWeightsSpec(f"file:{run.path / 'model.safetensors'}", "", "mine"))
    entry = store.find("mine")
    for one in (file, entry.file):
        answers_alike(one, name, net)
        told = weightfile.read_header(one)[1]
        assert (json.loads(told["classes"]), told["backbone"], told["data"]) == (CLASSES, name, "folder:pets")
    assert (entry.card.classes, entry.card.data) == (tuple(CLASSES), "folder:pets")
    assert "ein Hündchen" in store.as_text(entry) and "folder:pets" in store.as_text(entry)
    again = import_weights(ImportWeightsSpec(f"file:{file}", "", "again"))
    assert (again.layout, again.class_names, again.data) == ("timm", CLASSES, "folder:pets")
    assert store.find("again").card.sha256 == entry.card.sha256


@pytest.mark.parametrize("head", ["norm_linear", "cosine"])
def test_a_head_that_timm_has_not_lies_beside_the_body(head: str, tmp_path: Path) -> None:
    run, net = finished("test_resnet", head)
    with zipfile.ZipFile(io.BytesIO(export_bytes(run, weights=True))) as archive:
        archive.extractall(tmp_path)
    model = timm.create_model(
        "test_resnet", num_classes=0, checkpoint_path=str(tmp_path / run.id / "model.safetensors")
    ).eval()
    x = torch.rand(2, 3, 64, 64)
    kept = load_file(tmp_path / run.id / "head.safetensors")
    with torch.no_grad():
        assert torch.allclose(model(x), net(x)[0], atol=1e-5)
    assert all(torch.equal(t, net.head.state_dict()[n.removeprefix("head.")]) for n, t in kept.items())
    assert set(kept) == {f"head.{n}" for n in net.head.state_dict()}
    told = weightfile.read_header(tmp_path / run.id / "head.safetensors")[1]
    assert (told["head"], json.loads(told["classes"])) == (head, CLASSES)


def test_runs_of_an_earlier_version(tmp_path: Path) -> None:
    """Their header has no classifier's name: body and head are exported apart, and both are still read."""
    run, net = finished("test_resnet")
    path = run.path / "model.safetensors"
    save_file(load_file(path), path, {"backbone": "test_resnet", "head": "linear", "classes": json.dumps(CLASSES)})
    with zipfile.ZipFile(io.BytesIO(export_bytes(run, weights=True))) as archive:
        assert {n.rpartition("/")[2] for n in archive.namelist()} >= {"model.safetensors", "head.safetensors"}
    for where in (f"run:{run.id}", f"file:{path}", f"file:{run.path}"):
        again = weights.build_net(NetSpec("test_resnet", where), 3, 64, 3, 0)
        assert all(torch.equal(t, again.state_dict()[n]) for n, t in net.state_dict().items() if "backbone" in n)
        head = weights.source_head(NetSpec("test_resnet", where))
        assert head is not None and torch.equal(head[0], net.state_dict()["head.0.weight"])
    found = import_weights(ImportWeightsSpec(f"file:{path}", "", "mine"))
    assert (found.layout, found.class_names) == ("tltk", CLASSES)
    answers_alike(store.find("mine").file, "test_resnet", net)


@pytest.mark.usefixtures("here")
def test_the_shell_says_whether_weights_are_in_it(tmp_path: Path) -> None:
    run = said("run", *TINY)
    file = tmp_path / "run.zip"
    found = said("runs", "export", run["id"], str(file))
    agree("tltk runs export", found)
    assert (
        found["weights"] == []
        and "without weights; --weights puts them in." in tltk("runs", "export", run["id"], str(file)).stdout
    )
    with zipfile.ZipFile(file) as archive:
        assert not any("safetensors" in name for name in archive.namelist())
    found = said("runs", "export", run["id"], str(file), "--weights")
    assert found["weights"] == [f"{run['id']}/model.safetensors"] and found["bytes"] == file.stat().st_size
    assert (
        "with the weights of 1 training, as timm loads them."
        in tltk("runs", "export", run["id"], str(file), "--weights").stdout
    )
    assert not list(tmp_path.glob(".run.zip*"))
    checked = tltk("weights", "check", str(Path(run["path"]) / "model.safetensors")).stdout
    assert "timm layout" not in checked and "a tltk run's own layout" in checked and "Classes: 0, 1, 2" in checked


def test_no_weights_to_export_is_a_sentence(tmp_path: Path) -> None:
    run = Run.create(TransferSpec())
    done = tltk("runs", "export", run.id, str(tmp_path / "a.zip"), "--weights")
    assert done.exit_code == 1 and "must have weights to export them. It has none" in done.stderr
    assert not (tmp_path / "a.zip").exists()
    (run.path / "model.safetensors").write_bytes(b"not safetensors")
    done = tltk("runs", "export", run.id, str(tmp_path / "a.zip"), "--weights")
    assert done.exit_code == 2 and "Traceback" not in done.stderr and "model.safetensors" in done.stderr
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.usefixtures("here")
def test_runs_are_listed_with_what_tells_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    one = said("run", *TINY, "--seed", "3", "--lr", "0.002", "--boundary", "1", "--strategy", "discriminative")
    assert {k: one[k] for k in ("target", "backbone", "weights", "strategy", "boundary", "lr", "seed")} == {
        "target": "digits",
        "backbone": "test_resnet",
        "weights": "scratch",
        "strategy": "discriminative",
        "boundary": 1,
        "lr": 0.002,
        "seed": 3,
    }
    assert one["accuracy"] == one["result"]["accuracy"]
    heading, line = tltk("runs").stdout.splitlines()
    words = ("run", "result", "target", "backbone", "weights", "strategy", "cut", "rate", "seed", "time")
    assert tuple(heading.split()) == words
    cells = line.split()
    assert cells[:9] == [
        one["id"],
        f"{100 * one['accuracy']:.1f}%",
        "digits",
        "test_resnet",
        "scratch",
        "discriminative",
        "1",
        "0.002",
        "3",
    ]
    assert (
        "digits · test_resnet from scratch · discriminative at boundary 1 · rate 0.002 · seed 3 · "
        in tltk("runs", "show", one["id"]).stdout
    )
    Run.create(TransferSpec(net=NetSpec("vit_base_patch16_224", "store:" + "x" * 60, boundary=12), seed=2**31 - 1))
    for width, most in (("80", 100), ("100", 100), ("160", 160)):
        monkeypatch.setenv("COLUMNS", width)
        assert max(len(row) for row in tltk("runs").stdout.splitlines()) <= most
    assert "vit_base_patch16_224" in tltk("runs").stdout
