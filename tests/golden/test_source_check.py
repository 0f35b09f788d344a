"""The check of a source network: the best assignment, attributes of pictures, and what it says of drawn domains."""

from __future__ import annotations

import colorsys
import dataclasses
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from tltk import data
from tltk.analyses.source_check.analysis import best_mapping, same_errors
from tltk.analyses.source_check.appearance import appearance, recolour
from tltk.errors import BadSpec, UnknownName
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec


@pytest.mark.parametrize("seed", range(4))
def test_the_assignment_is_the_best_of_all_permutations(seed: int) -> None:
    dice = np.random.default_rng(seed)
    labels, named = dice.integers(0, 4, 300), dice.integers(0, 4, 300)
    named = np.where(dice.random(300) < 0.5, (labels + 1 + seed) % 4, named)

    def right(rows: np.ndarray, order: tuple[int, ...]) -> int:
        return int((np.array(order)[labels[rows]] == named[rows]).sum())

    every = np.arange(300)
    best = max(permutations(range(4)), key=lambda order: right(every, order))
    count, mapping = best_mapping(labels, named, 4, 4, seed)
    assert mapping == dict(enumerate(best))
    half = np.random.default_rng(seed).permutation(300) % 2
    crossed = 0
    for side in (0, 1):
        chosen = max(permutations(range(4)), key=lambda order: right(every[half == side], order))
        crossed += right(every[half != side], chosen)
    assert count == crossed


def test_a_mapping_is_no_better_than_chance_on_answers_that_say_nothing() -> None:
    dice = np.random.default_rng(0)
    shares = []
    for seed in range(60):
        labels, named = dice.integers(0, 5, 200), dice.integers(0, 5, 200)
        shares.append(best_mapping(labels, named, 5, 5, seed)[0] / 200)
    assert np.mean(shares) == pytest.approx(0.2, abs=3 * 0.4 / np.sqrt(60 * 200))


def test_attributes_are_what_they_are_called() -> None:
    red = np.zeros((1, 3, 16, 16), np.uint8)
    red[:, 0] = 200
    found = appearance(red)
    assert found["colour"][0, :6] == pytest.approx([200 / 255, 0, 0, 0, 0, 0])
    assert found["colour"][0, 6:].argmax() == 0 and found["colour"][0, 6:].sum() == pytest.approx(1.0)
    framed = red.copy()
    framed[:, :, 4:-4, 4:-4] = 255
    both = appearance(framed)
    assert np.array_equal(both["background"], found["background"])
    assert not np.array_equal(both["colour"], found["colour"])


def test_a_recoloured_picture_has_the_hue_of_another_one_and_its_own_brightness() -> None:
    hues = [colorsys.hsv_to_rgb(h, 0.5, 0.6) for h in (0.05, 0.3, 0.55, 0.8)]
    images = np.stack([np.full((3, 8, 8), np.array(rgb)[:, None, None] * 255) for rgb in hues]).round().astype(np.uint8)
    other = recolour(images, 3)
    assert np.abs(other.mean(1).astype(float) - images.mean(1)).max() <= 1
    order = np.random.default_rng(3).permutation(4)
    found = [colorsys.rgb_to_hsv(*(other[i, :, 0, 0] / 255))[0] for i in range(4)]
    assert found == pytest.approx([(0.05, 0.3, 0.55, 0.8)[k] for k in order], abs=0.03)
    grey = np.repeat(images[:, :1], 3, 1)
    assert np.array_equal(recolour(grey, 3), grey) and np.array_equal(recolour(grey[:, :1], 3), grey[:, :1])


def test_errors_are_counted_as_chance_has_them_within_each_class() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, -1])
    named = np.array([1, 1, 2, 0, 0, 0, 2])
    attribute = np.array([1, 2, 2, 0, 0, 2, 2])
    wrong, alike, expected = same_errors(named, attribute, labels)
    assert (wrong, alike) == (5, 3)
    assert expected == pytest.approx((2 * 1 + 1 * 2) / 3 + (2 * 1) / 2)


def test_grey_takes_colours_away_and_nothing_else() -> None:
    spec = DataSpec("shapes:correlation=1", n=60, size=16)
    whole, grey = data.load(spec), data.load(DataSpec("grey:shapes:correlation=1", n=60, size=16))
    images = np.asarray(whole.images).astype(np.float64)
    luma = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    assert np.abs(np.asarray(grey.images) - luma[:, None]).max() <= 0.501
    assert np.array_equal(grey.labels, whole.labels) and np.array_equal(grey.origins, whole.origins)
    assert appearance(np.asarray(grey.images))["colour"][:, 6:].max() == 0
    assert data.family("grey:digits") == data.family("digits")
    assert data.attribute_names("grey:shapes") == data.attribute_names("shapes") != ()
    shapes = DataSpec("shapes", n=40, size=16)
    plain, greyed = (data.load(dataclasses.replace(shapes, name=name)) for name in ("shapes", "grey:shapes"))
    assert greyed.attributes.keys() == plain.attributes.keys()
    assert all(np.array_equal(greyed.attributes[k].numbers, plain.attributes[k].numbers) for k in plain.attributes)
    asked = with_absolute_paths(TransferSpec(DataSpec("grey:folder:set")))
    assert asked.target.name == f"grey:folder:{Path('set').absolute()}"
    for name in ("grey:", "grey:grey:digits", "grey"):
        with pytest.raises(BadSpec):
            data.parse(name)
    with pytest.raises(UnknownName):
        data.parse("grey:bananas")
