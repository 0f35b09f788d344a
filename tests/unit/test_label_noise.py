"""Labels that are likely wrong: planted ones are found, clean ones left alone, and the list can be worked through."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.layers import context
from tests.support.shell import here, refused, tltk  # noqa: F401 – a fixture
from tests.support.trainings import trained
from tltk.analyses.label_noise.analysis import label_noise
from tltk.analyses.label_noise.result import LabelNoiseResult
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.label_noise.table import lines
from tltk.data import load
from tltk.data.domain import Domain
from tltk.specs.command import to_command
from tltk.specs.parts import DataSpec, NetSpec

DIGITS = DataSpec("digits", n=600)
NET = NetSpec("resnet10t", weights="store:resnet10t_formulas")


def planted() -> tuple[Domain, np.ndarray]:
    """Digits of which one in ten has another label, and which they are."""
    clean, draw = load(DIGITS), np.random.default_rng(0)
    at, labels = draw.choice(600, 60, replace=False), clean.labels.copy()
    labels[at] = (labels[at] + draw.integers(1, 10, 60)) % 10
    return dataclasses.replace(clean, name="planted", labels=labels), at


def ask(domain: Domain, **given: object) -> LabelNoiseResult:
    spec = LabelNoiseSpec(DataSpec(domain.name), NET, **given)  # type: ignore[arg-type]
    return label_noise(spec, context(None, **{domain.name: domain}))[0]


def test_most_of_the_planted_labels_are_found_and_few_clean_ones_named() -> None:
    noisy, at = planted()
    found = ask(noisy)
    named = {one.index for one in found.suspects}
    assert len(named & set(at)) >= 48 and len(named - set(at)) <= 20
    assert found.noise == pytest.approx(0.1, abs=0.05)
    clean = load(DIGITS)
    told = [one.likely == clean.labels[one.index] for one in found.suspects if one.index in set(at)]
    assert np.mean(told) > 0.8, "the class that it was before"
    worst = [one.index in set(at) for one in found.suspects[:30]]
    assert np.mean(worst) > 0.9, "the worst first"
    control = ask(clean)
    assert len(control.suspects) <= 12 and control.noise < 0.03
    assert control.accuracy > 0.9 and sum(map(sum, control.joint)) <= 600 == control.n


def test_parts_are_asked_for_and_told() -> None:
    noisy, at = planted()
    split = noisy.split(DataSpec("planted"), 0)
    found = ask(noisy, part="train")
    assert found.n == len(split.train)
    assert {one.index for one in found.suspects} <= set(split.train.tolist())
    assert {one.part for one in ask(noisy).suspects} == {"train", "val", "test"}
    few = ask(noisy, pictures=300)
    assert few.n == 300 and "300 pictures were not judged" in few.remarks[0]


def test_features_that_tell_nothing_are_said_to_do_so() -> None:
    noisy, _ = planted()
    spec = LabelNoiseSpec(DataSpec("planted"), NetSpec("test_resnet"), layer="0")
    found = label_noise(spec, context(planted=noisy))[0]
    assert found.layer_name == "stem" and any("badly apart" in one for one in found.remarks)
    assert any("badly apart" in line for line in lines(found))


@pytest.mark.usefixtures("here")
def test_the_list_names_files(tmp_path: Path) -> None:
    clean, folder = load(DIGITS), tmp_path / "set"
    wrong = set()
    for digit in (0, 1):
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
        for count, i in enumerate(np.flatnonzero(clean.labels == digit)[:50]):
            swapped = count % 10 == 7
            name = f"{1 - digit if swapped else digit}/{i}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(np.ascontiguousarray(clean.images[i].transpose(1, 2, 0))).save(folder / name)
            wrong |= {name} if swapped else set()
    words = ["label-noise", "--target", f"folder:{folder}", "--backbone", NET.backbone, "--weights", NET.weights]
    done = tltk(*words, "--csv", str(tmp_path / "fix.csv"), "--png", str(tmp_path / "fix.png"))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader((tmp_path / "fix.csv").read_text(encoding="utf-8").splitlines()))
    named = {row["picture"] for row in rows}
    assert len(named & wrong) >= 8 and len(named - wrong) <= 1, "most of them and hardly anything else"
    assert all(row["picture"].split("/")[0] == row["label"] != row["likely"] for row in rows)
    assert named <= set(done.stdout.split()) and (tmp_path / "fix.png").stat().st_size > 1000


@pytest.mark.usefixtures("here")
def test_weights_that_learned_these_labels_are_told() -> None:
    run = trained()
    words = ["label-noise", "--target", "digits", "--n", "300", "--backbone", "test_resnet"]
    done = tltk(*words, "--weights", f"run:{run.id}", "--folds", "2")
    assert done.exit_code == 0, done.output
    assert "learned by heart" in done.stdout.replace("\n", " ")
    spec = LabelNoiseSpec(DataSpec("digits", n=300, shots=5), NetSpec("test_resnet"), part="train", layer="stem")
    assert to_command(spec) == (
        "tltk label-noise --target digits --n 300 --backbone test_resnet --part train --layer stem"
    )
    refused([*words, "--folds", "1"], "folds must be between")
