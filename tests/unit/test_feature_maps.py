"""Feature maps of one picture: those that a forward hook on timm's own model sees, chosen by a sorted list."""

from __future__ import annotations

import dataclasses
import io
from base64 import b64decode

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

import tltk as api
from tests.support.shell import here, said, tltk  # noqa: F401 – a fixture
from tests.support.trainings import PLAIN, TARGET, trained
from tltk.analyses.feature_maps.analysis import as_grid
from tltk.analyses.feature_maps.result import FeatureMapsResult
from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.predict.result import PredictResult
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec, NetSpec

pytestmark = pytest.mark.usefixtures("here")


def ask(spec: FeatureMapsSpec) -> FeatureMapsResult:
    found = api.ask(spec)
    assert isinstance(found, FeatureMapsResult)
    return found


def decoded(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(png))))


def test_the_maps_of_a_layer_are_those_of_a_hook_on_timms_model() -> None:
    run = trained()
    found = ask(FeatureMapsSpec(TARGET, NetSpec("test_resnet", f"run:{run.id}"), picture=5, maps=3))
    model = timm.create_model("test_resnet", num_classes=0).eval()
    state = load_file(run.path / "model.safetensors")
    model.load_state_dict({n.removeprefix("backbone."): t for n, t in state.items() if n.startswith("backbone.")})
    seen: list[torch.Tensor] = []
    model.get_submodule("layer2.0").register_forward_hook(lambda _m, _i, output: seen.append(output))
    domain = api.load(TARGET)
    at = int(domain.split(TARGET, 0).test[5])
    mean, std = (np.array(model.pretrained_cfg[name])[:, None, None] for name in ("mean", "std"))
    pixels = (domain.images[at] / 255 - mean) / std
    with torch.no_grad():
        model(torch.from_numpy(pixels[None]).float())
    output = seen[0][0].double().numpy()
    layer = next(one for one in found.layers if one.name == "layer2.0")
    assert (layer.channels, layer.rows, layer.columns) == output.shape
    strengths = [float(np.mean(np.abs(channel))) for channel in output]
    best = sorted(range(len(strengths)), key=lambda c: -strengths[c])[:3]
    assert [one.channel for one in layer.maps] == best
    for one in layer.maps:
        values = output[one.channel]
        assert one.strength == pytest.approx(strengths[one.channel], rel=1e-4)
        assert (one.lo, one.hi) == (pytest.approx(values.min(), abs=1e-5), pytest.approx(values.max(), rel=1e-4))
        grey = np.rint(255 * (values - values.min()) / (values.max() - values.min()))
        assert np.abs(decoded(one.png) - grey).max() <= 1
    assert found.label == domain.classes[domain.labels[at]]
    assert decoded(found.png).shape == (32, 32, 3)


def test_the_head_answers_as_predict_does() -> None:
    run = trained()
    told = api.predict(run, "digits", part="test").result
    assert isinstance(told, PredictResult)
    spec = FeatureMapsSpec(TARGET, NetSpec("test_resnet", f"run:{run.id}"), picture=7)
    found = ask(spec)
    assert found.head[0].name == told.classes[told.predicted[7]]
    assert sum(one.probability for one in found.head) == pytest.approx(1) and found.head_reason == ""
    assert [one.probability for one in found.head] == sorted((one.probability for one in found.head), reverse=True)
    everything = api.load(TARGET).split(TARGET, 0).test
    same = ask(dataclasses.replace(spec, picture=int(everything[7]), part="all"))
    assert same.layers == found.layers, "a picture is the same by its place among the test pictures and among all"


@pytest.mark.parametrize("weights", ["scratch", "other classes"])
def test_a_head_that_knows_no_such_classes_says_nothing(weights: str) -> None:
    if weights != "scratch":
        weights = f"run:{trained(dataclasses.replace(PLAIN, target=DataSpec('shapes', n=100, size=32))).id}"
    found = ask(FeatureMapsSpec(TARGET, NetSpec("test_resnet", weights)))
    assert found.head == [] and "The head says nothing" in found.head_reason
    assert all(len(one.maps) == 2 for one in found.layers)


def test_tokens_are_folded_to_the_grid_and_maps_of_channels_last_are_turned() -> None:
    maps = torch.arange(2 * 3 * 3.0).reshape(1, 2, 3, 3)
    tokens = torch.cat([torch.full((1, 1, 2), -9.0), maps.flatten(2).mT], 1)
    for output, prefix in ((maps, 0), (maps.permute(0, 2, 3, 1), 0), (tokens, 1), (maps.flatten(2).mT, 1)):
        grid = as_grid(output, prefix, (3, 24, 24))
        assert grid is not None and torch.equal(grid, maps[0])
    assert as_grid(torch.zeros(1, 7), 0, (3, 24, 24)) is None and as_grid(torch.zeros(1, 7, 2), 1, (3, 24, 24)) is None
    wide = torch.arange(2 * 2 * 4.0).reshape(1, 2, 2, 4)
    for output in (wide, wide.permute(0, 2, 3, 1), wide.flatten(2).mT):
        grid = as_grid(output, 0, (3, 16, 32))
        assert grid is not None and torch.equal(grid, wide[0]), "rows and columns lie as the picture's do"
    found = ask(FeatureMapsSpec(TARGET, NetSpec("test_vit")))
    blocks = [one for one in found.layers if one.maps]
    assert blocks and all(one.rows == one.columns > 1 for one in blocks)


def test_the_shell_prints_a_row_for_each_layer() -> None:
    words = ("feature-maps", "--target", "digits", "--n", "300", "--size", "32", "--backbone", "test_resnet")
    done = tltk(*words)
    assert done.exit_code == 0, done.output
    for text in ("layer2.0", "strongest channels", "The head says nothing"):
        assert text in done.output
    assert said(*words)["result"]["layers"][0]["maps"][0]["png"]


def test_a_place_where_no_picture_is_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match=r"picture must be a place among the \d+ pictures of digits"):
        ask(FeatureMapsSpec(TARGET, NetSpec("test_resnet"), picture=5000))
