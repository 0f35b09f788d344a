"""Zero-shot by attributes: unseen combinations are never learned from, and are named where attributes can be told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.support.layers import context, round_trips
from tltk.analyses.zero_shot.analysis import combine, draw_unseen, zero_shot
from tltk.analyses.zero_shot.result import ZeroShotResult
from tltk.analyses.zero_shot.spec import ZeroShotSpec
from tltk.analyses.zero_shot.table import lines
from tltk.data.attributes import Attribute
from tltk.data.domain import Domain
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec, NetSpec

SPEC = ZeroShotSpec(DataSpec("shapes"), NetSpec("test_resnet"), seeds=3, folds=2)


def stripes(n: int = 480) -> Domain:
    """Red, green or blue, in four tones, bright above or below: 24 combinations that any network tells apart."""
    draw = np.random.default_rng(2)
    colour, tone, half = (draw.integers(0, k, n) for k in (3, 4, 2))
    images = draw.integers(0, 6, (n, 3, 32, 32)).astype(np.uint8)
    for i in range(n):
        rows = slice(0, 16) if half[i] == 0 else slice(16, 32)
        images[i, colour[i], rows] += np.uint8(60 + 60 * tone[i])
    return Domain.of(
        "stripes",
        images,
        colour,
        ["red", "green", "blue"],
        licence="none",
        source="drawn for a test",
        attributes={
            "tone": Attribute(("dark", "dim", "clear", "bright"), tone),
            "half": Attribute(("above", "below"), half),
        },
    )


def test_attributes_that_can_be_told_name_combinations_that_were_never_shown() -> None:
    found = zero_shot(dataclasses.replace(SPEC, layer="stem", seeds=4), context(shapes=stripes()))
    assert found.n_unseen == 6 and found.chance == pytest.approx(1 / 6)
    assert found.lo > 2 * found.chance and found.lo <= found.accuracy <= found.hi
    assert found.accuracy == pytest.approx(np.mean(found.draws))
    assert [one.name for one in found.attributes] == ["class", "tone", "half"]
    colour, tone, _ = found.attributes
    assert colour.seen > 0.9 and colour.unseen > 0.9 > tone.unseen  # of a tone that was seen in other colours alone
    named = sum(one.n for one in found.combinations)
    assert named == pytest.approx(found.n_test * 4)
    round_trips(found)
    text = "\n".join(lines(found))
    assert "6 combinations of class, tone, half that were never shown" in text and "chance gives 16.7%" in text
    assert all(one.name in text for one in (found.combinations[0], found.combinations[-1]))


def test_attributes_that_say_nothing_give_chance_and_the_remark_says_so() -> None:
    there, draw = stripes(), np.random.default_rng(0)
    order = draw.permutation(480)
    lost = {name: dataclasses.replace(one, numbers=one.numbers[order]) for name, one in there.attributes.items()}
    there = dataclasses.replace(there, labels=draw.permutation(there.labels), attributes=lost)
    found = zero_shot(dataclasses.replace(SPEC, seeds=6), context(shapes=there))
    assert abs(found.accuracy - found.chance) < 0.12
    if found.lo <= found.chance:
        assert any("not told from chance" in remark for remark in found.remarks)


def test_pictures_of_unseen_combinations_are_not_learned_from() -> None:
    there = stripes()
    spec = dataclasses.replace(SPEC, seeds=2)
    split = there.split(spec.target, spec.seed)
    found = combine(there, ())
    hidden = [draw_unseen(found, split.train, split.test, spec.unseen, seed) for seed in (0, 1)]
    both = np.intersect1d(hidden[0], hidden[1])
    spoilt = split.train[np.isin(found.of[split.train], both)]
    assert len(both) and len(spoilt)
    images = there.images.copy()
    images[spoilt] = 255 - images[spoilt]
    other = dataclasses.replace(there, images=images, fingerprint="0" * 16)
    one, same = (zero_shot(spec, context(shapes=d)) for d in (there, other))
    assert without_time(one) == without_time(same)
    images = there.images.copy()
    images[split.train] = 255 - images[split.train]
    changed = zero_shot(spec, context(shapes=dataclasses.replace(there, images=images, fingerprint="1" * 16)))
    assert changed.draws != one.draws


def without_time(found: ZeroShotResult) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__struct_fields__ if name != "seconds"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_each_value_of_an_unseen_combination_is_shown_in_another(share: float) -> None:
    there = stripes()
    split = there.split(SPEC.target, 0)
    found = combine(there, ("half", "tone", "class"))
    for seed in range(5):
        unseen = draw_unseen(found, split.train, split.test, share, seed)
        assert 2 <= len(unseen) <= max(2, round(share * len(found.signatures)))
        shown = np.setdiff1d(found.of[split.train], unseen)
        for m, n in enumerate(found.values):
            assert set(found.signatures[shown, m]) == set(range(n))


def test_an_attribute_that_is_the_class_by_another_name_is_no_combination() -> None:
    there = stripes()
    twin = {"hue": Attribute(("r", "g", "b"), there.labels)}
    with pytest.raises(BadSpec, match="need two attributes that differ"):
        zero_shot(SPEC, context(shapes=dataclasses.replace(there, attributes=twin)))
    with pytest.raises(BadSpec, match="At least 2 combinations must be left out"):
        combined = combine(dataclasses.replace(there, attributes=twin), ("class", "hue"))
        split = there.split(SPEC.target, 0)
        draw_unseen(combined, split.train, split.test, 0.25, 0)


def test_the_shift_lab_is_asked_by_name() -> None:
    spec = ZeroShotSpec(DataSpec("shapes", n=600, size=32), NetSpec("test_resnet"), ("class", "texture"), seeds=2)
    spec.check()
    with pytest.raises(Exception, match="An attribute of shapes"):
        dataclasses.replace(spec, attributes=("class", "weight")).check()
    with pytest.raises(BadSpec, match="need two attributes"):
        dataclasses.replace(spec, attributes=("class",)).check()
