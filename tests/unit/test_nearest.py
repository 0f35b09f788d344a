"""Nearest training pictures: a copy finds itself, distances are those of the features, at any layer."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tests.support.trainings import PLAIN, TARGET, trained
from tltk.analyses.nearest.result import NearestResult
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.sheets import GAP_PX, TILE_PX
from tltk.data import load
from tltk.runs.run import Run
from tltk.specs.command import to_command

pytestmark = pytest.mark.usefixtures("here")


def ask(spec: NearestSpec) -> NearestResult:
    found = api.ask(spec)
    assert isinstance(found, NearestResult)
    return found


def saved(folder: Path, n: int = 5) -> list[int]:
    """So many training pictures as files, by their places in the domain."""
    domain = load(TARGET)
    at = domain.split(TARGET, 0).train[:n].tolist()
    for i in at:
        Image.fromarray(np.ascontiguousarray(domain.images[i].transpose(1, 2, 0))).save(folder / f"{i}.png")
    return at


@pytest.mark.parametrize(("layer", "distance"), [("", "cosine"), ("layer2.0", "cosine"), ("0", "euclidean")])
def test_a_training_picture_finds_itself_at_every_layer(tmp_path: Path, layer: str, distance: str) -> None:
    run, at = trained(), sorted(map(str, saved(tmp_path)))
    found = ask(NearestSpec(run.id, (str(tmp_path),), layer=layer, distance=distance))
    assert [Path(one.name).stem for one in found.pictures] == at
    assert [str(one.neighbours[0].index) for one in found.pictures] == at
    assert all(one.neighbours[0].distance < 1e-3 < one.neighbours[-1].distance for one in found.pictures)
    assert found.n == len(load(TARGET).split(TARGET, 0).train)


def test_distances_and_classes_are_those_of_predict() -> None:
    run = trained()
    found = ask(NearestSpec(run.id, ("digits",), k=4, part="test"))
    told = api.predict(run, "digits", part="test", embedding=True)
    train = api.predict(run, "digits", part="train", embedding=True)
    assert told.embeddings is not None and train.embeddings is not None
    x, y = (one.astype(np.float64) for one in (told.embeddings, train.embeddings))
    x, y = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (x, y))
    far = np.sort(1 - x @ y.T, axis=1)[:, :4]
    assert np.array([[n.distance for n in one.neighbours] for one in found.pictures]) == pytest.approx(far, abs=1e-4)
    assert [one.predicted for one in found.pictures] == told.classes
    assert [one.label for one in found.pictures] == told.result.labels
    domain = load(TARGET)
    for one in found.pictures:
        assert [n.label for n in one.neighbours] == [domain.classes[domain.labels[n.index]] for n in one.neighbours]
        assert one.agree == sum(n.label == one.predicted for n in one.neighbours) / 4
    close = ask(NearestSpec(run.id, ("digits",), k=2, part="test", distance="euclidean")).pictures[0].neighbours[0]
    assert close.distance == pytest.approx(
        np.linalg.norm(told.embeddings[0] - train.embeddings, axis=1).min(), rel=1e-3
    )


def test_where_the_source_s_labels_were_learned_from_its_pictures_are_found() -> None:
    source = dataclasses.replace(TARGET, name="rendered_digits", n=200)
    found = ask(NearestSpec(trained(dataclasses.replace(PLAIN, source=source, labels="source")).id, ("digits",), k=1))
    assert found.domain == "rendered_digits"
    assert found.pictures[0].neighbours[0].name.startswith("rendered_digits[")


def test_the_shell(tmp_path: Path) -> None:
    run = trained()
    saved(tmp_path, 3)
    (tmp_path / "note.png").write_text("no picture")
    out = tmp_path / "out"
    out.mkdir()
    done = tltk("nearest", run.id, str(tmp_path), "--k", "2", "--png", str(out / "a.png"), "--csv", str(out / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "not read" in done.stdout and "note.png" in done.stdout
    with Image.open(out / "a.png") as sheet:
        assert sheet.width == 3 * (TILE_PX + GAP_PX) + GAP_PX, "a picture and two neighbours"
    rows = list(csv.DictReader((out / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 6 and [row["rank"] for row in rows] == ["1", "2"] * 3
    found = said("nearest", run.id, str(tmp_path / "note.png"), "digits", "--k", "1")
    assert len(found["result"]["skipped"]) == 1 and len(found["result"]["pictures"]) == 300
    assert Run.open(found["id"]).spec == NearestSpec(run.id, (str(tmp_path / "note.png"), "digits"), k=1)
    spec = NearestSpec(run.id, ("a b", "digits"), k=3, layer="stem", distance="euclidean", pooling="max")
    assert to_command(spec) == (
        f"tltk nearest {run.id} 'a b' digits --k 3 --layer stem --distance euclidean --pooling max"
    )
    refused(["nearest", run.id], "needs pictures")
    refused(["nearest"], "needs a finished training")
    refused(["nearest", run.id, "/nowhere.png"], "is not there")
    refused(["nearest", run.id, "digits", "--layer", "nowhere"], "layer must be one of")
    assert "1 picture" in tltk("predict", run.id, str(tmp_path / next(tmp_path.glob("[0-9]*.png")).name)).stdout
