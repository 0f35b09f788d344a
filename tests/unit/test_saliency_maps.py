"""Maps of a training: the method that suits the network, its layers, and the check that weights matter."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tests.support.trainings import PLAIN, trained
from tltk.analyses.saliency.analysis import _verdict
from tltk.analyses.saliency.result import RandomisedLayer, SaliencyResult
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.analyses.sheets import overlay
from tltk.errors import BadSpec
from tltk.specs.command import to_command
from tltk.specs.parts import NetSpec

pytestmark = pytest.mark.usefixtures("here")


def ask(run_id: str, **given: Any) -> SaliencyResult:
    found = api.ask(SaliencySpec(run_id, **{"pictures": 6, "draws": 2, **given}))
    assert isinstance(found, SaliencyResult)
    return found


def test_the_method_is_the_networks_and_the_layer_its_last_with_a_map() -> None:
    run = trained()
    found = ask(run.id)
    assert found.method == "grad_cam" and found.rows == found.columns > 1
    assert found.layer_name == "layer3.0", "layer4.0 has one place alone of pictures of 32 px"
    assert [one.explained for one in found.pictures] == [one.predicted for one in found.pictures]
    assert len({one.label for one in found.pictures}) == 6, "by turns from each class"
    earlier = ask(run.id, layer="0", of="true", draws=0)
    assert earlier.layer == 0 and earlier.rows > found.rows
    assert [one.explained for one in earlier.pictures] == [one.label for one in earlier.pictures]
    assert earlier.check == [] and earlier.depends is None
    vit = trained(dataclasses.replace(PLAIN, net=NetSpec("test_vit")))
    other = ask(vit.id)
    assert other.method == "attention_rollout" and other.pictures[0].explained is None


def test_the_check_goes_from_the_head_down_and_random_weights_give_other_maps() -> None:
    found = ask(trained().id, pictures=10, layer="layer2.0")
    assert [one.layer for one in found.check] == list(range(found.check[0].layer, -1, -1))
    assert found.check[0].name == "head" and found.check[-1].name == "stem"
    assert all(-1 <= one.lo <= one.correlation <= one.hi <= 1 for one in found.check)
    last = found.check[-1]
    assert np.mean([one.correlation for one in found.pictures]) == pytest.approx(last.correlation, abs=1e-5)
    assert found.depends is True and "depend on the weights" in found.sentence
    assert ask(trained().id, pictures=10, layer="layer2.0", draws=2) == found, "the same each time"


def test_the_sentence_says_what_the_interval_allows() -> None:
    def layer(lo: float, hi: float) -> list[RandomisedLayer]:
        return [RandomisedLayer(0, "stem", (lo + hi) / 2, lo, hi, 0.0)]

    assert _verdict(layer(-0.1, 0.3), 8)[0] is True
    unlike, text = _verdict(layer(0.7, 0.9), 8)
    assert unlike is False and "hardly depend" in text
    unknown, text = _verdict(layer(0.4, 0.6), 8)
    assert unknown is None and "cannot be told" in text


def test_an_overlay_colours_where_the_map_is_high() -> None:
    grey = Image.new("RGB", (64, 64), (90, 90, 90))
    heat = np.zeros((4, 4))
    assert (np.asarray(overlay(grey, heat)) == 90).all(), "a map of noughts colours nothing"
    heat[0, 3] = 2.0
    painted = np.asarray(overlay(grey, heat)).astype(int)
    assert painted[2, 61, 0] - painted[2, 61, 2] > 90 and (painted[40:, :40] == 90).all()
    heat = np.zeros((4, 4))
    heat[1, 2] = 1.0
    moved = np.asarray(overlay(grey, heat, (0.25, -0.25))).astype(int)
    strength = moved[..., 0] - moved[..., 2]
    y, x = np.unravel_index(strength.argmax(), strength.shape)
    assert (32 <= y < 48) and (16 <= x < 32), "one place down and one to the left"


def test_the_shell_and_what_is_refused() -> None:
    run = trained()
    done = tltk("saliency", run.id, "--pictures", "3", "--draws", "1")
    assert done.exit_code == 0, done.output
    for words in ("Grad-CAM at layer", "randomised from", "rank correlation", "the maps of the training"):
        assert words in done.stdout
    assert len(said("saliency", run.id, "--pictures", "3", "--draws", "1")["result"]["pictures"]) == 3
    spec = SaliencySpec(run.id, method="grad_cam", layer="stem", of="3", pictures=2, draws=0, seed=1)
    assert to_command(spec) == (
        f"tltk saliency {run.id} --method grad_cam --layer stem --of 3 --pictures 2 --draws 0 --seed 1"
    )
    refused(["saliency", run.id, "--method", "lime"], "method must be one of")
    refused(["saliency", run.id, "--layer", "nowhere"], "layer must be one of")
    refused(["saliency", run.id, "--layer", "99"], "layer must be from 0 to")
    refused(["saliency", run.id, "--of", "zebra"], "The class to explain must be one of")
    for given, sentence in (
        ({"method": "attention_rollout"}, "plain vision transformer"),
        ({"layer": "layer4.0"}, "a map of more than one place"),
    ):
        with pytest.raises(BadSpec, match=sentence):
            ask(run.id, **given)
