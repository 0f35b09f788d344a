"""Episodes over frozen features: drawn from the part that was asked for, without copies, at any layer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.support.engine import domain
from tests.support.layers import HERE, context, round_trips
from tltk.analyses.episodes.analysis import episodes
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.episodes.table import lines
from tltk.data.domain import Domain
from tltk.errors import BadSpec
from tltk.specs.parts import DataSpec, NetSpec

SPEC = EpisodesSpec(DataSpec("here"), NetSpec("test_resnet"), ways=3, shots=2, queries=3, episodes=40)


def tones(n: int = 60) -> Domain:
    """Three classes of one tone each, with a little noise: every network tells them."""
    labels = np.arange(n, dtype=np.int64) % 3
    images = np.random.default_rng(1).integers(0, 10, (n, 3, 32, 32), dtype=np.uint8) + (labels * 100 + 20).astype(
        np.uint8
    ).reshape(-1, 1, 1, 1)
    return Domain.of("tones", images, labels, ["a", "b", "c"], licence="none", source="drawn for a test")


def test_classes_that_any_network_tells_are_all_right() -> None:
    found = episodes(SPEC, context(here=tones()))
    assert (found.accuracy, found.lo, found.hi) == (1, 1, 1)
    assert (found.chance, found.ways, found.shots, found.episodes) == (1 / 3, 3, 2, 40)
    round_trips(found)
    text = "\n".join(lines(found))
    assert "3-way 2-shot by the nearest prototype: 100.0% right" in text and "mean ± 1.96 s/√E over 40 episodes" in text


def test_templates_are_asked_for_by_name_and_leave_earlier_ids_as_they_were() -> None:
    assert '"nearest"' not in SPEC.to_json()
    found = episodes(dataclasses.replace(SPEC, nearest="template"), context(here=tones()))
    assert (found.accuracy, found.nearest) == (1, "template") and "by the nearest template" in found.sentence


def test_labels_that_say_nothing_give_chance() -> None:
    rng = np.random.default_rng(0)
    there = domain(300, seed=5)
    found = episodes(
        dataclasses.replace(SPEC, episodes=400),
        context(here=dataclasses.replace(there, labels=rng.permutation(there.labels))),
    )
    assert abs(found.accuracy - 1 / 3) < 0.06


def test_episodes_are_drawn_from_the_part_that_was_asked_for() -> None:
    test, every = (episodes(dataclasses.replace(SPEC, part=part), context()) for part in ("test", "all"))
    assert test.n == len(HERE.split(SPEC.target, 0).test) and every.n == len(HERE.labels)


def test_copies_are_left_out() -> None:
    one = tones()
    images = np.concatenate([one.images, one.images])
    twice = Domain.of("twice", images, np.tile(one.labels, 2), one.classes, licence="none", source="drawn for a test")
    found = episodes(dataclasses.replace(SPEC, part="all"), context(here=twice))
    assert found.n == 60 and any("60 pictures that are copies" in remark for remark in found.remarks)


def test_small_classes_are_left_out_and_too_few_are_a_sentence() -> None:
    one = tones()
    kept = np.flatnonzero((one.labels != 2) | (np.arange(60) < 9))
    few = dataclasses.replace(
        one, images=one.images[kept], labels=one.labels[kept], origins=one.origins[kept], twins=np.arange(len(kept))
    )
    spec = dataclasses.replace(SPEC, part="all", queries=3)
    found = episodes(dataclasses.replace(spec, ways=2), context(here=few))
    assert (found.classes, found.left_out) == (2, 1)
    with pytest.raises(BadSpec, match="3 classes must have 2 \\+ 3 pictures"):
        episodes(spec, context(here=few))


def test_shots_of_the_domain_are_no_part_of_the_question() -> None:
    assert dataclasses.replace(SPEC, target=DataSpec("here", shots=4)).run_id == SPEC.run_id


def test_layers_differ() -> None:
    assert episodes(dataclasses.replace(SPEC, layer="stem"), context()).layer_name == "stem"
    assert episodes(dataclasses.replace(SPEC, removed=1), context()).layer == 3
