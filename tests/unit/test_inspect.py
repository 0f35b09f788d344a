"""What a look finds: pictures class by class, tones, and nothing of validation and test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from tests.support.values import present
from tltk.analyses.inspect import analysis
from tltk.analyses.inspect.analysis import EACH, domain_summary
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.inspect.table import lines
from tltk.data import load
from tltk.data.domain import Domain
from tltk.data.sources import tones
from tltk.jobs.worker import execute
from tltk.results.rows import ACROSS
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec


def domain(counts: list[int], channels: int = 3, size: int = 8) -> Domain:
    """So many pictures of each class, mixed; every pixel of picture i is i modulo 256."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    images = np.empty((len(labels), channels, size, size), np.uint8)
    images[:] = (np.arange(len(labels)) % 256)[:, None, None, None]
    names = [f"class {c}" for c in range(len(counts))]
    return Domain.of("made", images, labels.astype(np.int64), names, licence="CC0 1.0", source="made here")


def shown_at(sheet: object, number: int, size: int = 8) -> int:
    """The grey value of one picture on the sheet."""
    pixels = np.asarray(sheet)
    return int(pixels[number // ACROSS * size, number % ACROSS * size, 0])


def test_the_sheet_goes_class_by_class_and_says_which() -> None:
    made = domain([60, 40, 6])
    found, sheet = domain_summary(made, DataSpec("made", size=8))
    labels = present(found.shown_labels)
    assert labels == sorted(labels) and found.shown == len(labels)
    assert np.bincount(labels).tolist() == [EACH, EACH, 3]  # six less those of validation and test
    train = set(made.split(DataSpec("made"), 0).train.tolist())
    numbers = [shown_at(sheet, n) for n in range(len(labels))]
    assert set(numbers) <= train and len(set(numbers)) == len(numbers)
    assert made.labels[numbers].tolist() == labels
    assert sheet.size == (8 * ACROSS, 8)


def test_of_many_classes_fewer_each_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "MOST", 10)
    assert domain_summary(domain([20] * 5), DataSpec("made"))[0].shown_labels == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert domain_summary(domain([20] * 12), DataSpec("made"))[0].shown_labels == list(range(10))


def test_few_labels_change_what_is_learned_from_and_not_what_is_shown() -> None:
    made = domain([60, 40])
    every, few = (domain_summary(made, DataSpec("made", shots=shots))[0] for shots in (0, 2))
    assert (few.train, few.shown_labels) == (4, every.shown_labels)


def test_tones_are_those_of_the_training_pictures() -> None:
    for channels in (1, 3):
        made = domain([60, 40], channels)
        made.images[:, 0] //= 2
        found, _ = domain_summary(made, DataSpec("made"))
        pixels = made.images[made.split(DataSpec("made"), 0).train].astype(np.float64) / 255
        assert found.mean == pytest.approx(pixels.mean((0, 2, 3)), abs=1e-4)
        assert found.std == pytest.approx(pixels.std((0, 2, 3)), abs=1e-4)
        assert len(found.mean) == channels


def test_tones_of_many_pictures_are_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "TONED", 1)
    assert domain_summary(domain([60, 40]), DataSpec("made"))[0].std == [0.0, 0.0, 0.0]


def answered(data: DataSpec) -> tuple[Run, dict[str, Any]]:
    """What a worker says and leaves in the run's folder."""
    run = Run.create(InspectSpec(data))
    execute(run)
    return run, present(run.result())


def test_of_sounds_one_of_each_class_can_be_played() -> None:
    spec = DataSpec("tones", n=80, size=16)
    run, found = answered(spec)
    labels = np.array(found["shown_labels"])
    assert labels[found["sounds"]].tolist() == list(range(8))
    made = load(spec)
    train = made.split(spec, 0).train
    sheet = np.asarray(Image.open(run.path / "pictures.png"))
    for number in found["sounds"]:
        rate, heard = wavfile.read(run.path / f"sound-{number}.wav")
        row, column = divmod(number, ACROSS)
        shown = sheet[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, 0]
        mine = [i for i in train if np.array_equal(made.images[i, 0], shown)]  # the picture beside which it is played
        played = tones.play(int(mine[0]), 0, tones.Dials())[0]
        assert len(mine) == 1 and rate == 16_000 and np.corrcoef(heard, played)[0, 1] > 0.9999


def test_of_pictures_nothing_can_be_played() -> None:
    run, found = answered(DataSpec("digits", n=200, size=8))
    assert found["sounds"] == [] and not list(run.path.glob("sound-*"))


@pytest.mark.parametrize(
    ("name", "noun"), [("tones~fog:3", "sounds"), ("tones", "sounds"), ("digits~fog:3", "pictures")]
)
def test_what_was_corrupted_is_still_called_what_it_is(name: str, noun: str) -> None:
    spec = DataSpec(name, n=64, size=32)
    found = domain_summary(load(spec), spec)[0]
    assert found.noun == found.examples == noun and f"64 {noun}, " in next(lines(found))
