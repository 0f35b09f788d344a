"""The most confident mistakes of a training: those that `tltk predict` makes, sorted, listed and shown."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tests.support.trainings import PLAIN, trained
from tltk.analyses.errors.result import ErrorsResult
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.sheets import GAP_PX, LINE_PX, TILE_PX, Tile, captioned_sheet, captioned_tiles
from tltk.runs.run import Run
from tltk.specs.command import to_command
from tltk.specs.parts import TermSpec
from tltk.specs.reading import with_absolute_paths

pytestmark = pytest.mark.usefixtures("here")


def ask(spec: ErrorsSpec) -> ErrorsResult:
    found = api.ask(spec)
    assert isinstance(found, ErrorsResult)
    return found


@pytest.mark.parametrize("on", ["", "blended_digits"])
def test_they_are_those_of_predict_by_falling_probability(on: str) -> None:
    run = trained()
    found = ask(ErrorsSpec(run.id, on, most=400))
    told = api.predict(run, on or "digits", part="test")
    predicted = [told.result.classes[c] for c in told.result.predicted]
    wrong = {
        name: p
        for name, said, p, label in zip(
            told.result.names, predicted, told.result.probability, told.result.labels, strict=True
        )
        if said != label
    }
    assert found.n == len(told.result.names) and found.wrong == len(wrong) > 2
    worst = dict(sorted(wrong.items(), key=lambda one: -one[1])[:400])
    assert {m.name: m.probability for m in found.mistakes} == pytest.approx(worst, abs=1e-6)
    p = [m.probability for m in found.mistakes]
    assert p == sorted(p, reverse=True)
    assert all(m.label != m.predicted and m.probability_label < m.probability for m in found.mistakes)


def test_the_sheet_has_them_in_order() -> None:
    run = trained()
    spec = ErrorsSpec(run.id, "blended_digits", most=9)
    found = ask(spec)
    assert len(found.mistakes) == 9
    with Image.open(Run.at(spec.run_id).path / "pictures.png") as sheet:
        pixels = np.asarray(sheet)
    side, below = TILE_PX + GAP_PX, TILE_PX + 2 * LINE_PX + GAP_PX
    assert pixels.shape == (2 * below + GAP_PX, 8 * side + GAP_PX, 3)
    domain = api.load(dataclasses.replace(PLAIN.target, name="blended_digits", n=0))
    for place in (0, 8):
        y, x = GAP_PX + place // 8 * below, GAP_PX + place % 8 * side
        shown = pixels[y : y + TILE_PX : TILE_PX // 32, x : x + TILE_PX : TILE_PX // 32]
        assert (shown == domain.images[found.mistakes[place].index].transpose(1, 2, 0)).all()


def test_what_it_learned_from_is_told() -> None:
    found = ask(ErrorsSpec(trained().id, part="all"))
    assert found.seen > 100 and "more often" in found.remarks[0]


def test_where_nothing_is_wrong_nothing_is_shown(tmp_path: Path) -> None:
    easy = dataclasses.replace(
        PLAIN,
        target=dataclasses.replace(PLAIN.target, name="subset:0+1@digits"),
        optim=dataclasses.replace(PLAIN.optim, epochs=10),
    )
    run = trained(easy)
    found = ask(ErrorsSpec(run.id))
    assert found.wrong == 0 and found.mistakes == []
    done = tltk("errors", run.id, "--png", str(tmp_path / "none.png"))
    assert done.exit_code == 0 and "There is no picture to show" in done.stderr and not (tmp_path / "none.png").exists()


def test_the_shell(tmp_path: Path) -> None:
    run = trained()
    words = ["errors", run.id[:6], "--on", "blended_digits", "--most", "5"]
    done = tltk(*words, "--png", str(tmp_path / "a.png"), "--csv", str(tmp_path / "a.csv"))
    assert done.exit_code == 0, done.output
    assert "are taken for another class" in done.stdout and "Wrote" in done.stdout
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 600
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    result = said(*words)["result"]
    assert [row["picture"] for row in rows] == [one["name"] for one in result["mistakes"]]
    assert [result["classes"][one["label"]] for one in result["mistakes"]] == [row["label"] for row in rows]
    spec = ErrorsSpec(run.id, "folder:a b", "all", 7, 8)
    assert to_command(spec) == f"tltk errors {run.id} --on 'folder:a b' --part all --most 7 --batch 8"
    from_file = tmp_path / "spec.json"
    from_file.write_text(ErrorsSpec(run.id, "blended_digits", most=5).to_json())
    assert said("errors", "--spec", str(from_file))["result"] == result


def test_a_domain_is_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = with_absolute_paths(ErrorsSpec("0123456789ab", "folder:here"))
    assert spec.on == f"folder:{tmp_path}/here" and spec.run == "run:0123456789ab"


def test_what_cannot_be_meant_is_refused_before_anything_is_queued() -> None:
    run = trained()
    refused(["errors"], "needs a finished training")
    refused(["errors", "abcdef"], "A run must be one of")
    refused(["errors", run.id, "--on", "nothing"], "domain")
    refused(["errors", run.id, "--png", "/nowhere/a.png"], "a folder that exists")
    unlabelled = dataclasses.replace(PLAIN, labels="none", terms=(TermSpec("denoising"),))
    refused(["errors", trained(unlabelled).id], "must have learned from labels")


@pytest.mark.parametrize("n", [1, 5, 8, 11])
def test_a_tile_of_a_sheet_is_the_tile_that_was_put_there(n: int) -> None:
    tiles = [Tile(Image.new("RGB", (20, 14), (i + 1, 0, 0)), ("a", "b")) for i in range(n)]
    sheet = captioned_sheet(tiles, 4)
    numbers = [n - 1, 0]
    for number, found in zip(numbers, captioned_tiles(sheet, n, 4, numbers), strict=True):
        assert found.size == (20, 14 + 2 * LINE_PX)
        assert found.crop((0, 0, 20, 14)).tobytes() == tiles[number].image.tobytes()
