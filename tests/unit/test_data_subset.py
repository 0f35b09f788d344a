"""Some classes of another domain: halves, numbers, names; its copies, its files and its paths stay what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tltk import data
from tltk.data.sources.subset import chosen_classes
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.jobs import checking
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec

CLASSES = tuple("abcde")


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("first", [0, 1]),
        ("second", [2, 3, 4]),
        ("even", [0, 2, 4]),
        ("odd", [1, 3]),
        ("0-2+4", [0, 1, 2, 4]),
        ("e+b", [1, 4]),
        ("1+a", [0, 1]),
    ],
)
def test_choices(choice: str, found: list[int]) -> None:
    assert chosen_classes(choice, CLASSES) == found


def test_drawn_halves_are_the_whole() -> None:
    one, two = chosen_classes("random1-3", CLASSES), chosen_classes("random2-3", CLASSES)
    assert sorted(one + two) == list(range(5)) and not set(one) & set(two)
    assert {tuple(chosen_classes(f"random1-{s}", CLASSES)) for s in range(9)} > {tuple(one)}


@pytest.mark.parametrize("choice", ["9", "0-9", "x+y", "a", "3-1", ""])
def test_classes_that_are_not_there_are_named(choice: str) -> None:
    with pytest.raises(DataProblem):
        chosen_classes(choice, CLASSES)


def test_its_pictures_are_those_of_its_classes() -> None:
    whole = data.load(DataSpec("digits", size=16))
    half = data.load(DataSpec("subset:second@digits", size=16))
    assert half.classes == ("5", "6", "7", "8", "9")
    at = np.flatnonzero(whole.labels >= 5)
    assert np.array_equal(half.images, whole.images[at]) and np.array_equal(half.labels, whole.labels[at] - 5)
    assert np.array_equal(half.origins, whole.origins[at])
    assert data.family("subset:first@digits") == data.family("digits")
    assert not set(half.origins) & set(data.load(DataSpec("subset:first@digits", size=16)).origins)


def test_drawn_domains_follow_the_seed_and_a_corruption_comes_after() -> None:
    one, two = (data.load(DataSpec("subset:first@rendered_digits", n=40, size=16, seed=s)) for s in (0, 1))
    assert one.fingerprint != two.fingerprint
    foggy = data.load(DataSpec("subset:first@digits~fog:3", size=16))
    clean = data.load(DataSpec("subset:first@digits", size=16))
    assert foggy.images.mean() != clean.images.mean() and np.array_equal(foggy.labels, clean.labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for name in ("cat", "dog", "owl"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(draw.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(tmp_path / f"set/{name}/{i}.png")
    return tmp_path / "set"


def test_of_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"subset:cat+owl@folder:{folder}"
    assert data.load(DataSpec(name, size=16)).classes == ("cat", "owl")
    before = data.source_version(name)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "cat" / "new.png")
    assert data.source_version(name) != before, "what it reads has changed"
    assert len(data.load(DataSpec(name, size=16)).labels) == 17
    monkeypatch.chdir(folder.parent)
    asked = with_absolute_paths(TransferSpec(DataSpec("subset:cat+owl@folder:set")))
    assert asked.target.name == name


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("subset:first", BadSpec),
        ("subset:@digits", BadSpec),
        ("subset:first@", BadSpec),
        ("subset:first@subset:first@digits", BadSpec),
        ("subset:first@bananas", UnknownName),
        ("subset:first@folder:/no/such/place", DataProblem),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_queued(name: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        checking.check(TransferSpec(DataSpec(name)))


def test_a_page_may_not_reach_beyond_its_folders_through_it() -> None:
    from tltk.dashboard.permitted import paths

    assert list(paths(TransferSpec(DataSpec("subset:first@folder:/etc")))) == ["/etc"]
