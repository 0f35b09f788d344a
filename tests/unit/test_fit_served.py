"""What was trained is what is served: with each fit, predict and every export see the pictures as the training did."""

from __future__ import annotations

import json
import runpy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

import tltk as api
from tests.support.shell import here  # noqa: F401 – a fixture
from tltk import home
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.analyses.export.analysis import export
from tltk.analyses.export.network import load_trained
from tltk.analyses.export.spec import ExportSpec
from tltk.data.decode import decode
from tltk.data.fit import GROUND
from tltk.runs.run import Run
from tltk.specs.parts import FITS, DataSpec, NetSpec, OptimSpec
from tltk.specs.size import Size
from tltk.specs.training import TransferSpec
from tltk.weights.handover import import_zip

# Training, predicting and testing are questions to an executor; here it answers in this process.
pytestmark = pytest.mark.usefixtures("here")

SIZE, WIDTH = 48, 64


def pictures(root: Path) -> Path:
    """Wide ones with a bar that lies in the middle or at the ends: what crop keeps of the second kind is plain."""
    draw = np.random.default_rng(0)
    for label in ("middle", "ends"):
        (root / label).mkdir(parents=True)
        for i in range(12):
            coarse = draw.integers(40, 150, (6, 12, 3), dtype=np.uint8)  # or they would be copies of each other
            pixels = np.array(Image.fromarray(coarse).resize((80, 40), Image.Resampling.BICUBIC))
            pixels[:, 36:44] += 100 * (label == "middle")
            pixels[:, :8] += 100 * (label == "ends")
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


def trained(fit: str, root: Path, backbone: str = "test_resnet", width: int = 0) -> Run:
    spec = TransferSpec(
        DataSpec(f"folder:{root}", size=SIZE, fit=fit, width=width),
        NetSpec(backbone),
        optim=OptimSpec(epochs=2, lr=3e-3),
    )
    run = api.launch(spec)
    assert run.status.state == "done", run.status.message
    return run


def probabilities(run: Run, files: list[Path], fit: str, size: Size = SIZE) -> np.ndarray[Any, Any]:
    """Of its own network, of pictures that are read with a fit."""
    net = load_trained(run.id)
    return net.answer(torch.from_numpy(np.stack([decode(file, size, fit) for file in files]))).numpy()


@pytest.mark.parametrize(("fit", "width"), [*((fit, 0) for fit in FITS), *((fit, WIDTH) for fit in FITS)])
def test_predict_and_every_export(fit: str, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pictures(tmp_path / "p")
    run = trained(fit, root, width=width)
    size = (SIZE, width) if width else SIZE
    files = sorted(root.rglob("*.png"))
    wanted = probabilities(run, files, fit, size)
    others = [probabilities(run, files, other, size) for other in FITS if other != fit]
    assert all(np.abs(wanted - other).max() > 1e-3 for other in others), "the fit shows, else this tells nothing"
    with safe_open(run.path / "model.safetensors", "np") as header:
        assert header.metadata()["fit"] == fit

    found = api.predict(run, root)
    assert found.result.names == [str(file) for file in files] and found.result.fit == fit
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-5)
    change = (found.result.cropped, found.result.empty, found.result.stretched)
    off = 1 / 3 if width else 0.5  # pictures of 2:1, read as 4:3 or 1:1
    assert change == pytest.approx({"crop": (off, 0, 1), "pad": (0, off, 1), "squash": (0, 0, 1 / (1 - off))}[fit])
    asked = api.predict(run, f"folder:{root}", part="test").result
    result = run.result()
    assert result is not None and asked.predicted == result["predictions"]

    tested = api.ask(EvaluateSpec(run.id)).domains[0]
    assert tested.accuracy.value == pytest.approx(result["accuracy"])

    export(ExportSpec(run.id, "script", str(tmp_path / "script")))
    script = runpy.run_path(str(tmp_path / "script" / "predict.py"))
    assert len((tmp_path / "script" / "predict.py").read_text(encoding="utf-8").splitlines()) < 60
    read = torch.stack([script["read"](file) for file in files])
    assert np.array_equal(read.numpy(), np.stack([decode(file, size, fit) for file in files]))
    np.testing.assert_allclose(script["predict"](read).numpy(), wanted, atol=1e-5)

    told = export(ExportSpec(run.id, "folder", str(tmp_path / "folder")))
    model = timm.create_model(f"local-dir:{tmp_path / 'folder'}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.inference_mode():
        theirs = model(torch.stack([transform(Image.open(file)) for file in files])).softmax(1).numpy()
    # timm cuts the middle of what was resized, on whole pixels; the others are the same to a level.
    assert np.abs(theirs - wanted).max() < (0.1 if fit == "crop" else 0.01)
    words = (
        f"timm's own transform pads with the colour (128, 128, 128); it was trained with {GROUND}. Pad before it does."
    )
    assert told.notes == ([words] if fit == "pad" else [])
    card = (tmp_path / "folder" / "README.md").read_text(encoding="utf-8")
    assert {
        "crop": "rectangle in the middle" if width else "the square in the middle",
        "pad": f"of the colour {GROUND}",
        "squash": "whatever its shape",
    }[fit] in card

    export(ExportSpec(run.id, "safetensors", str(tmp_path / "a.safetensors")))
    with safe_open(tmp_path / "a.safetensors", "np") as header:
        assert (header.metadata()["fit"], header.metadata()["size"]) == (fit, str(SIZE))
        assert header.metadata().get("width", "0") == str(width)
    plain = timm.create_model("test_resnet", num_classes=2).eval()
    plain.load_state_dict(load_file(tmp_path / "a.safetensors"))
    net = load_trained(run.id).net
    with torch.inference_mode():
        alone = plain(net.normalise(read.float() / 255)).softmax(1).numpy()
    np.testing.assert_allclose(alone, wanted, atol=1e-5)

    export(ExportSpec(run.id, "torchscript", str(tmp_path / "a.pt")))
    facts = {"facts.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, that something else will take its place
        traced = torch.jit.load(str(tmp_path / "a.pt"), _extra_files=facts)
    assert json.loads(facts["facts.json"])["fit"] == fit
    np.testing.assert_allclose(traced(read).detach().numpy(), wanted, atol=1e-4)

    export(ExportSpec(run.id, "zip", str(tmp_path / "run.zip")))
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
    assert home.home() == tmp_path / "elsewhere"
    there = api.Run.open(import_zip(tmp_path / "run.zip").id)
    again = api.predict(there, root)
    assert again.result.fit == fit
    np.testing.assert_allclose(again.probabilities, wanted, atol=1e-5)


@pytest.mark.parametrize("fit", FITS)
def test_onnx_tells_the_fit_and_answers_alike(fit: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    root = pictures(tmp_path / "p")
    run = trained(fit, root)
    found = export(ExportSpec(run.id, "onnx", str(tmp_path / "a.onnx")))
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["fit"] == fit and json.loads(facts["classes"]) == ["ends", "middle"]
    assert {"crop": "the square in the middle", "pad": "in the middle of a ground", "squash": "whatever"}[
        fit
    ] in found.notes[0]
    files = sorted(root.rglob("*.png"))
    answers = session.run(None, {"pictures": np.stack([decode(file, SIZE, fit) for file in files])})[0]
    np.testing.assert_allclose(answers, probabilities(run, files, fit), atol=1e-4)


def test_a_network_with_the_mean_of_imagenet_is_padded_alike_by_timm(tmp_path: Path) -> None:
    root = pictures(tmp_path / "p")
    run = trained("pad", root, "resnet10t")
    notes = export(ExportSpec(run.id, "folder", str(tmp_path / "out"))).notes
    assert notes == [f"timm's own transform pads with the colour {GROUND}, as it was trained."]
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    files = sorted(root.rglob("*.png"))
    with torch.inference_mode():
        theirs = model(torch.stack([transform(Image.open(file)) for file in files])).softmax(1).numpy()
    np.testing.assert_allclose(theirs, probabilities(run, files, "pad"), atol=1e-3)
