"""What a training made, used without tltk: a script, a folder for timm, a network in ONNX, a card, a run that travels."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.support.finished import CLASSES, finished
from tests.support.results import compared, trained
from tests.support.shell import TINY, agree, here, refused, said, tltk  # noqa: F401 – fixtures
from tltk import home
from tltk.analyses.export.analysis import export
from tltk.analyses.export.network import load_trained
from tltk.analyses.export.spec import ExportSpec
from tltk.data.decode import decode
from tltk.errors import BadSpec, TltkError, UnknownName, WeightsMissing
from tltk.nn.net import Net
from tltk.results.account import Part
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights import load as weights
from tltk.weights.handover import import_zip

FAMILIES = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet", "mobilevit_xxs", "dla46_c")


def pictures(folder: Path) -> list[Path]:
    """Pictures of every kind that is read in its own way: turned, transparent, grey, with a palette, large, small."""
    rng = np.random.default_rng(0)

    def noise(height: int, width: int, channels: int) -> Image.Image:
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, channels), dtype=np.uint8)
        return Image.fromarray(coarse.squeeze()).resize((width, height), Image.Resampling.BICUBIC)

    exif = Image.Exif()
    exif[0x0112] = 6
    noise(500, 333, 3).save(folder / "turned.jpg", exif=exif)
    noise(900, 1400, 3).save(folder / "large.jpg")
    noise(90, 70, 4).save(folder / "transparent.png")
    noise(90, 71, 1).save(folder / "grey.png")
    noise(80, 120, 3).quantize(17).save(folder / "palette.gif")
    noise(80, 121, 3).save(folder / "plain.webp")
    noise(70, 70, 4).save(folder / "alpha.tiff")
    noise(41, 40, 3).convert("CMYK").save(folder / "ink.jpg")
    noise(64, 64, 3).save(folder / "exact.png")
    noise(33, 50, 3).convert("1").save(folder / "bits.bmp")
    return sorted(folder.iterdir())


def run_alone(folder: Path, files: list[Path]) -> list[dict[str, Any]]:
    """What the script prints in a process that cannot import tltk."""
    code = (
        "import sys, runpy; sys.modules['tltk'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    words = [sys.executable, "-P", "-c", code, str(folder / "predict.py"), *map(str, files)]
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder.parent, env=kept)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@torch.no_grad()
def own_answers(net: Net, files: list[Path], fit: str = "crop") -> tuple[np.ndarray, np.ndarray]:
    """Features and probabilities of our network, with our reading of the pictures."""
    batch = torch.from_numpy(np.stack([decode(file, 64, fit) for file in files]))
    features, logits = net(net.normalise(batch.float() / 255))
    return features.numpy(), logits.softmax(1).numpy()


@pytest.mark.parametrize(
    ("name", "head", "dropout", "fit"),
    [
        ("test_vit", "linear", 0.0, "crop"),
        ("test_resnet", "linear", 0.3, "squash"),
        ("test_resnet", "norm_linear", 0.3, "pad"),
        ("test_convnext", "norm_linear", 0.0, "crop"),
        ("test_efficientnet", "cosine", 0.2, "crop"),
        ("test_resnet", "cosine", 0.0, "squash"),
    ],
)
def test_a_script_predicts_the_same_without_tltk(
    name: str, head: str, dropout: float, fit: str, tmp_path: Path
) -> None:
    run, net = finished(name, head, dropout, fit)
    found = export(ExportSpec(run.id, "script", str(tmp_path / "out")))
    assert found.difference is not None and found.difference < 1e-5 and found.compared > 0
    text = (tmp_path / "out" / "predict.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60 and "import tltk" not in text and str(home.home()) not in text
    (tmp_path / "photos").mkdir()
    files = pictures(tmp_path / "photos")
    told = run_alone(tmp_path / "out", files)
    wanted = own_answers(net, files, fit)[1]
    answers = np.array([[one["probabilities"][c] for c in CLASSES] for one in told])
    assert np.abs(answers - wanted).max() < 1e-5
    assert np.ptp(wanted, 0).max() > 1e-3, "the pictures differ, else this tells nothing"
    assert [one["class"] for one in told] == [CLASSES[i] for i in wanted.argmax(1)]


def test_a_script_of_features_where_no_labels_taught(tmp_path: Path) -> None:
    run, net = finished("test_resnet", labels="none")
    export(ExportSpec(run.id, "script", str(tmp_path / "out")))
    (tmp_path / "photos").mkdir()
    files = pictures(tmp_path / "photos")
    told = run_alone(tmp_path / "out", files)
    assert np.allclose([one["features"] for one in told], own_answers(net, files)[0], atol=1e-5)


def test_what_cannot_be_exported_is_a_sentence(tmp_path: Path) -> None:
    run, _ = finished("test_resnet")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for spec, fault, words in (
        (ExportSpec("", "script", "x"), BadSpec, "needs a run and where to write it"),
        (ExportSpec("abcdef0123", "script", str(tmp_path / "x")), UnknownName, "A run must"),
        (ExportSpec(run.id, "script", str(tmp_path / "full")), BadSpec, "new or empty"),
        (ExportSpec(run.id, "script", str(tmp_path / "no" / "x")), BadSpec, "make it first"),
        (ExportSpec(Run.create(TransferSpec(seed=9)).id, "script", str(tmp_path / "x")), WeightsMissing, "finished"),
    ):
        with pytest.raises(fault, match=words):
            export(spec)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["full"]


@torch.no_grad()
@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_is_opened_by_timm(name: str, tmp_path: Path) -> None:
    run, net = finished(name)
    found = export(ExportSpec(run.id, "folder", str(tmp_path / "out")))
    assert found.files == ["README.md", "config.json", "model.safetensors"]
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(model(net.normalise(x)), net(net.normalise(x))[1], atol=1e-5)
    settings = timm.data.resolve_model_data_config(model)
    assert tuple(settings["input_size"]) == (3, 64, 64) and settings["crop_pct"] == 1.0
    assert torch.allclose(torch.tensor(settings["mean"]), net.mean.flatten(), atol=1e-6)
    assert torch.allclose(torch.tensor(settings["std"]), net.std.flatten(), atol=1e-6)
    assert list(model.pretrained_cfg["label_names"]) == CLASSES
    again = weights.build_net(NetSpec(name, f"file:{tmp_path / 'out'}"), 3, 64, 3, 0)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in net.state_dict().items() if "backbone" in n)


def test_weights_alone_and_heads_that_timm_has_not(tmp_path: Path) -> None:
    run, net = finished("test_resnet")
    found = export(ExportSpec(run.id, "safetensors", str(tmp_path / "a.safetensors")))
    assert (found.files, found.bytes) == (["a.safetensors"], (tmp_path / "a.safetensors").stat().st_size)
    model = timm.create_model("test_resnet", num_classes=3)
    model.load_state_dict(load_file(tmp_path / "a.safetensors"))
    assert torch.equal(model.get_classifier().weight, net.head[-1].weight)  # type: ignore[index]
    cosine, _ = finished("test_resnet", "cosine")
    for to in ("safetensors", "folder"):
        with pytest.raises(BadSpec, match="head cosine on test_resnet.*script, onnx, torchscript or zip"):
            export(ExportSpec(cosine.id, to, str(tmp_path / "b")))
    assert not (tmp_path / "b").exists()


def test_a_backbone_without_a_classifier_where_no_labels_taught(tmp_path: Path) -> None:
    run, net = finished("test_vit", labels="none")
    found = export(ExportSpec(run.id, "folder", str(tmp_path / "out")))
    assert found.answers == "features"
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model(x), net(x)[0], atol=1e-5)
    assert "No head" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_card_says_what_the_run_says_and_no_path(tmp_path: Path) -> None:
    place = tmp_path / "my own" / "pets & cats"
    first = TransferSpec(DataSpec("rendered_digits", size=64), NetSpec("test_resnet", "store:test_resnet_x"), seed=5)
    start = Run.create(first)
    (start.path / "model.safetensors").write_bytes(b"")
    run, _ = finished("test_resnet")
    spec = dataclasses.replace(
        run.spec,  # type: ignore[type-var]
        target=DataSpec(f"folder:{place}", size=64, shots=4),
        net=NetSpec("test_resnet", f"run:{start.id}", boundary=2),
    )
    home.write_atomic(run.path / "spec.json", spec.to_json())
    result = msgspec.structs.replace(
        trained(),
        classes=CLASSES,
        labels=[0] * 10 + [1] * 5,
        predictions=[0] * 8 + [1] * 7,
        accuracy=13 / 15,
        accuracy_lo=0.6212,
        accuracy_hi=0.9626,
        chance=1 / 3,
        majority=10 / 15,
        parts={"train": Part(12, f"the folder {place}/train; 4 of each class")},
        remarks=[f"3 files of {place}/odd were not read."],
        cautions=[f"See {home.home()}/runs for more."],
    )
    home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
    export(ExportSpec(run.id, "card", str(tmp_path / "card.md")))
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in text and str(home.home()) not in text and "my own" not in text, text
    for words in (
        "folder:pets & cats",
        "86.7% (95% interval 62.1% … 96.3%, 15 pictures",
        "| a cat | 10 | 0.800 | 0.490 … 0.943 |",  # Wilson's interval of 8 of 10
        "| c | 0 | – | – |",
        "18 tensors did not learn; the audit compared each bit for bit, and 0 had moved",
        "4 of each class",
        "tltk run ",
        "--boundary 2",
        "not stated (your own pictures)",
        f"First weights: of run {start.id}, trained on rendered_digits; its pictures: CC0 1.0.",
        "store:test_resnet_x, which is no longer here; their licence is not known",
        "3 files of pets & cats/odd were not read.",
    ):
        assert words in text, (words, text)


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, as on another machine."""
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
    return home.home()


def zipped(run: Run, file: Path) -> Path:
    export(ExportSpec(run.id, "zip", str(file)))
    return file


def test_a_run_goes_to_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, net = finished("test_resnet", "norm_linear")
    place = tmp_path / "my own" / "pets"
    home.write_atomic(
        run.path / "spec.json",
        dataclasses.replace(run.spec, target=DataSpec(f"folder:{place}", size=64)).to_json(),  # type: ignore[type-var]
    )
    told = msgspec.structs.replace(trained(), classes=CLASSES, remarks=[f"{place}/x.jpg was not read."])
    home.write_atomic(run.path / "result.json", msgspec.json.encode(told))
    (run.path / "log.txt").write_text(f"Traceback in {place}")
    run.write_status(host="my-machine", pid=1234, message=f"Reading {place}")
    run.write_label(name="pets", tags=["mine"])
    file = zipped(run, tmp_path / "run.zip")
    with zipfile.ZipFile(file) as archive:
        held = b"".join(archive.read(name) for name in archive.namelist())
    for private in (str(tmp_path), "my own", "my-machine", "1234", "Traceback"):
        assert private.encode() not in held, private
    elsewhere(tmp_path, monkeypatch)
    found = said("import", str(file))
    agree("tltk import", found)
    assert (found["id"], found["imported"], found["present"]) == (run.id, [run.id], [])
    shown = said("runs", "show", run.id)
    assert (shown["state"], shown["target"], shown["name"]) == ("done", "folder:pets", "pets")
    assert shown["result"]["remarks"] == ["pets/x.jpg was not read."] and shown["accuracy"] == 0.42
    assert [one["id"] for one in said("runs")] == [run.id]
    again = weights.build_net(NetSpec("test_resnet", f"run:{run.id}"), 3, 64, 3, 0)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in net.state_dict().items() if "backbone" in n)
    export(ExportSpec(run.id, "script", str(tmp_path / "out")))
    (tmp_path / "pets").mkdir()  # of the same name by chance, where the shell is; a worker is elsewhere
    monkeypatch.chdir(tmp_path)
    for verb in ("evaluate", "errors", "saliency"):
        refused([verb, run.id], "comes from another machine, where they were folder:pets; name a domain")
    once_more = tltk("import", str(file))
    assert once_more.exit_code == 0 and f"Run {run.id} is here already and stays as it is." in once_more.stdout
    assert said("import", str(file))["present"] == [run.id]
    assert [p.name for p in home.folder("runs").iterdir()] == [run.id], "nothing is left behind"


def test_a_study_brings_its_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child, _ = finished("test_resnet")
    study = Run.create(CompareSpec())
    study.write_children([Child(child.id, "transfer", "measure", 0, 1e-3), Child("abcdef012345", "x", "search", 0, 1)])
    home.write_atomic(study.path / "result.json", msgspec.json.encode(compared("neutral", 0.0)))
    study.write_status(state="done")
    file = zipped(study, tmp_path / "study.zip")
    elsewhere(tmp_path, monkeypatch)
    found = import_zip(file)
    assert (found.id, set(found.imported), found.weights) == (study.id, {study.id, child.id}, [child.id])
    assert "neutral" in tltk("runs", "show", study.id).stdout and Run.open(child.id).status.state == "done"


def rewritten(file: Path, out: Path, change: Callable[[str, bytes], bytes | None], more: Any = None) -> Path:
    """The same zip with other contents; None leaves a file out."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if (data := change(name, old.read(name))) is not None:
                new.writestr(name, data)
        if more is not None:
            new.writestr(*more)
    return out


def relisted(file: Path, out: Path, name: str, data: bytes) -> Path:
    """The same zip with one file replaced and its checksum put right."""

    def change(each: str, old: bytes) -> bytes:
        if each == "export.json":
            listed = json.loads(old)
            listed["files"][name] = hashlib.sha256(data).hexdigest()
            return json.dumps(listed).encode()
        return data if each == name else old

    return rewritten(file, out, change)


def test_what_is_no_whole_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = finished("test_resnet")
    file = zipped(run, tmp_path / "run.zip")
    elsewhere(tmp_path, monkeypatch)
    out = tmp_path / "odd.zip"
    whole = file.read_bytes()
    model = f"{run.id}/model.safetensors"
    link = zipfile.ZipInfo(f"{run.id}/label.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pickled = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, pickled)

    def same(name: str, data: bytes) -> bytes:
        return data

    def refused(path: Path, words: str) -> None:
        with pytest.raises(TltkError, match=words):
            import_zip(path)
        assert list(home.folder("runs").iterdir()) == [], words

    refused(tmp_path / "none.zip", "There is none at")
    out.write_bytes(whole[: len(whole) // 2])
    refused(out, "It is damaged: its end is missing")
    at = whole.index(b'"backbone"')
    out.write_bytes(whole[:at] + b"#" + whole[at + 1 :])
    refused(out, "It is damaged: what is in it cannot be unpacked")
    for data in (b"<html>", b"", b"Rar!\x1a\x07\x01\x00"):
        out.write_bytes(data)
        refused(out, r"odd\.zip is no zip file; export the run so")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.json", b"{}")
    flagged = bytearray(out.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # as an encrypted one
        flagged[flagged.index(mark) + at] |= 1
    out.write_bytes(flagged)
    refused(out, "It is damaged: it is encrypted")
    refused(rewritten(file, out, lambda n, d: d + b" " if n.endswith("spec.json") else d), "not what was exported")
    refused(rewritten(file, out, lambda n, d: None if n.endswith("result.json") else d), "not those that it lists")
    refused(rewritten(file, out, lambda n, d: None if n == "export.json" else d), "has none")
    for name in (
        "../evil",
        "/etc/evil",
        f"{run.id}/../../evil",
        f"{run.id}/run.pkl",
        f"{run.id}\\spec.json",
        "x/spec.json",
    ):
        refused(rewritten(file, out, same, (name, b"x")), "files of runs alone")
    refused(rewritten(file, out, same, (link, b"/etc/passwd")), "plain files alone")
    refused(rewritten(file, out, same, (f"{run.id}/rows.jsonl", bytes(2**28))), "do not trust it")
    refused(relisted(file, out, model, pickled.getvalue()), "are a pickle")
    refused(relisted(file, out, model, b"\x80\x02}q\x00."), "are a pickle")
    refused(relisted(file, out, f"{run.id}/spec.json", TransferSpec(seed=77).to_json().encode()), "is of another run")
    refused(relisted(file, out, f"{run.id}/result.json", b"[]"), "cannot be read")
    assert import_zip(file).imported == [run.id]


@pytest.mark.parametrize(
    ("name", "head", "labels"),
    [("test_vit", "linear", "target"), ("test_resnet", "cosine", "target"), ("test_convnext", "linear", "none")],
)
def test_onnx_answers_the_same_for_any_number_of_pictures(name: str, head: str, labels: str, tmp_path: Path) -> None:
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed, reason="needs the packages of tltk[onnx]")
    import onnxruntime

    run, net = finished(name, head, labels=labels)
    file = tmp_path / "net.onnx"
    found = export(ExportSpec(run.id, "onnx", str(file)))
    assert found.difference is not None and found.difference < 1e-5 and found.files == ["net.onnx"]
    assert str(tmp_path).encode() not in file.read_bytes() and b"site-packages" not in file.read_bytes()
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (tmp_path / "photos").mkdir()
    files = pictures(tmp_path / "photos")
    batch = np.stack([decode(one, 64) for one in files])
    features, probabilities = own_answers(net, files)
    wanted = probabilities if labels == "target" else features
    for n in (1, 3, len(batch)):
        answers = session.run(None, {"pictures": batch[:n]})[0]
        assert answers.shape == wanted[:n].shape and np.abs(answers - wanted[:n]).max() < 1e-5
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["run"] == run.id and ("classes" in facts) == (labels == "target")


@pytest.mark.parametrize(
    ("name", "head", "labels"),
    [("test_vit", "linear", "target"), ("test_resnet", "cosine", "target"), ("test_convnext", "linear", "none")],
)
def test_torchscript_answers_the_same_for_any_number_of_pictures(
    name: str, head: str, labels: str, tmp_path: Path
) -> None:
    run, net = finished(name, head, labels=labels)
    file = tmp_path / "net.pt"
    found = export(ExportSpec(run.id, "torchscript", str(file)))
    assert found.difference is not None and found.difference < 1e-5 and found.files == ["net.pt"]
    with zipfile.ZipFile(file) as archive:
        held = {one: archive.read(one) for one in archive.namelist()}
    assert not [one for one in held if "traced_inputs" in one or one.endswith(".debug_pkl")]
    places = (str(Path(timm.__file__).parents[1]).encode(), str(tmp_path).encode(), str(home.home()).encode())
    assert not [one for one, data in held.items() if any(place in data for place in places)]
    (tmp_path / "photos").mkdir()
    files = pictures(tmp_path / "photos")
    batch = torch.from_numpy(np.stack([decode(one, 64) for one in files]))
    features, probabilities = own_answers(net, files)
    wanted = probabilities if labels == "target" else features
    facts = {"facts.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit will be replaced
        loaded = torch.jit.load(str(file), _extra_files=facts)
    for n in (1, 3, len(batch)):
        answers = loaded(batch[:n]).detach().numpy()
        assert answers.shape == wanted[:n].shape and np.abs(answers - wanted[:n]).max() < 1e-5
    told = json.loads(facts["facts.json"])
    assert told["run"] == run.id and told.get("classes") == (CLASSES if labels == "target" else None)


def test_a_network_that_cannot_be_traced_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = finished("test_resnet")
    file, plain = tmp_path / "net.pt", Net.forward

    def by_words(self: Net, x: torch.Tensor) -> Any:
        return plain(self, x)[0], "no tensor"

    def of_one_size(self: Net, x: torch.Tensor) -> Any:
        features, logits = plain(self, x)
        return features, logits.reshape(len(x.detach().numpy()), 3)

    def otherwise(self: Net, x: torch.Tensor) -> Any:
        features, logits = plain(self, x)
        return features, logits + (torch.eye(3)[:1] if torch._C._get_tracing_state() else 0)

    for forward, words in (
        (by_words, "must be one that torch.jit can trace"),
        (of_one_size, "must take any number of pictures"),
        (otherwise, "must answer as the network does"),
    ):
        monkeypatch.setattr(Net, "forward", forward)
        with pytest.raises(BadSpec, match=words):
            export(ExportSpec(run.id, "torchscript", str(file)))
        assert list(tmp_path.glob("*.pt")) == [] and list(tmp_path.glob(".tltk*")) == []


def test_without_its_packages_onnx_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = finished("test_resnet")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "onnxscript" else find(name, *a))
    with pytest.raises(BadSpec, match=r"onnxscript.*missing: pip install 'tltk\[onnx\]'"):
        export(ExportSpec(run.id, "onnx", str(tmp_path / "net.onnx")))
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.usefixtures("here")
def test_the_shell_exports_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = said("run", *TINY, "--adapter", "lora")
    monkeypatch.chdir(tmp_path)
    found = said("export", run["id"], "--to", "folder", "out")
    agree("tltk export", found)
    assert (found["file"], found["compared"]) == (str(tmp_path / "out"), 8)
    text = tltk("export", run["id"], "--to", "card", "card.md").stdout
    assert text.startswith(f"Wrote {tmp_path / 'card.md'}, ") and "Checked" not in text
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert f"{100 * run['accuracy']:.1f}% (95% interval" in card and "--adapter lora" in card and "CC BY 4.0" in card
    text = tltk("export", run["id"], "--to", "zip", "run.zip").stdout
    assert "1 run; logs, snapshots and the folders of this machine are left out." in text
    assert tltk("export", run["id"], "--to", "folder", "out").exit_code == 2, "it is not empty any more"
    assert "new or empty" in tltk("export", run["id"], "--to", "script", "out").stderr


@pytest.mark.shared
@pytest.mark.usefixtures("here")
def test_two_hundred_photos_are_named_alike(shared: Path, tmp_path: Path) -> None:
    archive = shared / "folders" / "hymenoptera_256.tar"
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "photos", filter="data")
    files = sorted((tmp_path / "photos").rglob("*.jpg"))[::2][:200]
    assert len(files) > 190
    start = shared / "weights" / "mobilenetv2_035.keras_in1k_f32.same.safetensors"
    words = ["--target", f"archive:{archive}", "--size", "64", "--backbone", "mobilenetv2_035", "--weights"]
    words += [
        f"file:{start}",
        "--adapter",
        "lora",
        "--boundary",
        "3",
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--shots",
        "20",
    ]
    assert tltk("run", *words).exit_code == 0
    run = said("runs")[0]
    trained_net = load_trained(run["id"])
    batch = torch.from_numpy(np.stack([decode(file, 64) for file in files]))
    wanted = trained_net.answer(batch).numpy()
    assert wanted.std() > 0.05, "the photos are told apart"
    assert said("export", run["id"], "--to", "script", str(tmp_path / "out"))["difference"] < 1e-5
    told = run_alone(tmp_path / "out", files)
    answers = np.array([[one["probabilities"][c] for c in trained_net.classes] for one in told])
    assert np.abs(answers - wanted).max() < 1e-5
    export(ExportSpec(run["id"], "card", str(tmp_path / "card.md")))
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert str(shared) not in card and "archive:hymenoptera_256.tar" in card and start.name in card
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        import onnxruntime

        export(ExportSpec(run["id"], "onnx", str(tmp_path / "net.onnx")))
        session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
        answers = session.run(None, {"pictures": batch.numpy()})[0]
        assert np.abs(answers - wanted).max() < 1e-5
