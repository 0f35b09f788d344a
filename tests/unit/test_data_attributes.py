"""Attributes of pictures: what domains tell beside the class is what the pictures show."""

from __future__ import annotations

import colorsys
import dataclasses

import numpy as np
import pytest

from tltk import data
from tltk.data.attributes import Attribute, attribute_to_learn, require_attribute
from tltk.data.domain import Domain
from tltk.errors import DataProblem, UnknownName
from tltk.specs.parts import DataSpec


def loaded(name: str, n: int = 120, size: int = 32) -> Domain:
    return data.load(DataSpec(name, n=n, size=size))


def named(domain: Domain, which: str) -> list[str]:
    one = domain.attributes[which]
    return [one.classes[i] for i in one.numbers]


@pytest.mark.parametrize("name", ["digits", "blended_digits", "rendered_digits"])
def test_digits_know_their_parity(name: str) -> None:
    d = loaded(name)
    for label, parity in zip(d.labels, named(d, "parity"), strict=True):
        assert parity == ("odd" if int(d.classes[label]) % 2 else "even")


def test_the_background_of_rendered_digits_is_that_of_the_corner() -> None:
    d = loaded("rendered_digits")
    for corner, tone in zip(d.images[:, 0, 0, 0], named(d, "background"), strict=True):
        assert (corner > 127) is np.bool_(tone == "light")


def test_the_background_of_blended_digits_tells_photos_apart() -> None:
    d = loaded("blended_digits", n=400)
    photo = d.attributes["background"].numbers
    colour = d.images.reshape(len(photo), 3, -1).mean(2)
    means = np.stack([colour[photo == p].mean(0) for p in (0, 1)])
    nearest = ((colour[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == photo).mean() > 0.65


def test_a_drawn_shape_has_the_colour_and_the_background_that_it_is_told_to_have() -> None:
    d = loaded("shapes:hues=1,texture=plain,classes=0+1")
    names = ("red", "yellow", "green", "cyan", "blue", "magenta")
    for picture, colour, tone in zip(d.images, named(d, "colour"), named(d, "background"), strict=True):
        hue, _, _ = colorsys.rgb_to_hsv(*(picture[:, 16, 16] / 255))
        off = abs(6 * hue - names.index(colour))
        assert min(off, 6 - off) < 0.55
        brightness = picture[:, 0, 0].max() / 255
        low = 0.05 + 0.4 / 3 * ("dark", "middle", "light").index(tone)
        assert low - 0.01 < brightness < low + 0.4 / 3 + 0.01


def test_a_noisy_shape_is_told_as_it_is_drawn() -> None:
    clean, noisy = loaded("shapes"), loaded("shapes:shape_noise=0.5")
    assert (clean.attributes["shape"].numbers == clean.labels).all()
    same = noisy.attributes["shape"].numbers == noisy.labels
    assert 0.4 < same.mean() < 0.7
    assert np.array_equal(noisy.images[same], clean.images[same])


@pytest.mark.parametrize("name", ["shapes", "shapes:background=photo", "digits", "fractals:5"])
def test_what_is_kept_is_what_was_drawn_and_goes_through_subsets_and_corruptions(name: str) -> None:
    first, again = loaded(name), loaded(name)
    other = loaded(f"subset:0+2@{name}~fog:2")
    at = np.flatnonzero(np.isin(first.labels, (0, 2)))
    assert set(data.attribute_names(name)) <= set(first.attributes)
    assert first.attributes.keys() == again.attributes.keys() == other.attributes.keys()
    for which, one in first.attributes.items():
        assert one.classes == again.attributes[which].classes == other.attributes[which].classes
        assert np.array_equal(one.numbers, again.attributes[which].numbers)
        assert np.array_equal(one.numbers[at], other.attributes[which].numbers)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("shapes", ("colour", "texture", "background")),
        ("shapes:texture=plain,shape_noise=0.1", ("shape", "colour", "background")),
        ("subset:0-4@shapes:hues=0~fog:1", ("texture", "background")),
        ("fractals", ()),
    ],
)
def test_names_are_known_before_anything_is_drawn(name: str, names: tuple[str, ...]) -> None:
    assert data.attribute_names(name) == names


def test_what_there_is_nothing_to_learn_of_is_refused() -> None:
    d = loaded("shapes:texture=plain")
    every = np.arange(len(d.labels))
    assert attribute_to_learn(d, "colour", every).classes[0] == "red"
    with pytest.raises(DataProblem, match=r"texture is 'plain' in all training pictures"):
        attribute_to_learn(d, "texture", every)
    with pytest.raises(DataProblem, match=r"shape of .* is the class by another name"):
        attribute_to_learn(d, "shape", every)
    turned = dataclasses.replace(d, labels=(d.labels + 3) % 10)
    with pytest.raises(DataProblem, match=r"is the class by another name"):
        attribute_to_learn(turned, "shape", every)
    with pytest.raises(UnknownName, match=r"colour"):
        attribute_to_learn(d, "color", every)
    with pytest.raises(DataProblem, match=r"fractals knows none"):
        require_attribute("fractals", "colour", ())


@pytest.mark.parametrize("numbers", [np.zeros(3, np.int64), np.zeros(2, np.int32), np.array([0, 2])])
def test_attributes_that_do_not_fit_their_domain_are_refused(numbers: np.ndarray) -> None:
    with pytest.raises(DataProblem, match=r"attribute side of d"):
        Domain.of(
            "d",
            np.zeros((2, 3, 8, 8), np.uint8),
            np.array([0, 1]),
            ["a", "b"],
            licence="none",
            source="made here",
            attributes={"side": Attribute(("left", "right"), numbers)},
        )
