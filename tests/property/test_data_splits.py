"""Whatever the labels: parts are disjoint, complete, stratified, nested and decided by the seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tltk.data.domain import Domain, few_shot, subsample
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec

SEEDS = st.integers(0, 2**31 - 1)
COUNTS = st.lists(st.integers(3, 40), min_size=2, max_size=6)


def domain(counts: list[int], order: int, given: np.ndarray | None = None) -> Domain:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    labels = np.random.default_rng(order).permutation(labels)
    names = [str(c) for c in range(len(counts))]
    images, origins = np.zeros((len(labels), 1, 1, 1), np.uint8), np.arange(len(labels), dtype=np.uint64)
    return Domain.of("toy", images, labels, names, licence="-", source="-", given=given, origins=origins)


@settings(max_examples=60, deadline=None)
@given(COUNTS, SEEDS, SEEDS, st.floats(0.05, 0.4), st.floats(0, 0.9), st.booleans())
def test_copies_go_to_one_part(
    counts: list[int], order: int, seed: int, held: float, share: float, cross: bool
) -> None:
    """Whatever is a copy of what: within classes, or across them too; refused only where it cannot be done."""
    toy = domain(counts, order)
    draw = np.random.default_rng(order)
    origins = toy.origins.copy()
    for i in np.flatnonzero(draw.random(len(origins)) < share):
        others = np.arange(len(origins)) if cross else np.flatnonzero(toy.labels == toy.labels[i])
        origins[i] = origins[draw.choice(others)]
    copied = Domain.of("toy", toy.images, toy.labels, toy.classes, licence="-", source="-", origins=origins)
    own = [len(set(origins[toy.labels == c]) - set(origins[toy.labels != c])) for c in range(len(counts))]
    try:
        split = copied.split(DataSpec(val=held, test=held, seed=seed), 0)
    except DataProblem as fault:
        assert min(own) < 3 and "at least 3 different pictures" in str(fault)
        return
    parts = [split.train, split.val, split.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(origins)))
    for part in parts:
        assert len(np.unique(toy.labels[part])) == len(counts)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not np.isin(origins[parts[a]], origins[parts[b]]).any()


@settings(max_examples=50, deadline=None)
@given(COUNTS, SEEDS, SEEDS, st.floats(0.01, 0.8), st.floats(0.01, 0.8))
def test_split(counts: list[int], order: int, seed: int, val: float, test: float) -> None:
    if val + test > 0.95:
        val, test = val / 2, test / 2
    toy = domain(counts, order)
    spec = DataSpec(val=val, test=test, seed=seed)
    split, again = toy.split(spec, 0), toy.split(spec, 1)
    parts = (split.train, split.val, split.test)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(toy.labels)))
    for part, share in zip(parts, (1 - val - test, val, test), strict=True):
        assert part.dtype == np.int64 and (np.diff(part) > 0).all()
        got = np.bincount(toy.labels[part], minlength=len(counts))
        assert (got >= 1).all() and (np.abs(got - share * np.array(counts)) <= 2).all()
    assert all(np.array_equal(a, b) for a, b in zip(parts, (again.train, again.val, again.test), strict=True))


@settings(max_examples=40, deadline=None)
@given(COUNTS, SEEDS, SEEDS, st.data())
def test_few_shot_sets_are_nested(counts: list[int], order: int, seed: int, data: st.DataObject) -> None:
    labels = domain(counts, order).labels
    candidates = np.flatnonzero(np.random.default_rng(order).random(len(labels)) < 0.9)
    most = int(np.bincount(labels[candidates], minlength=len(counts)).min())
    try:
        sets = [few_shot(labels, candidates, shots, seed) for shots in range(1, most + 2)]
    except DataProblem:
        sets = [few_shot(labels, candidates, shots, seed) for shots in range(1, most + 1)]
    else:
        raise AssertionError("more shots than pictures were given out")
    for shots, chosen in enumerate(sets, start=1):
        assert (np.bincount(labels[chosen], minlength=len(counts)) == shots).all()
        assert np.isin(chosen, candidates).all() and (np.diff(chosen) > 0).all()
        mixed = np.random.default_rng(data.draw(SEEDS)).permutation(candidates)
        assert np.array_equal(chosen, few_shot(labels, mixed, shots, seed))
    assert all(np.isin(small, large).all() for small, large in zip(sets, sets[1:], strict=False))


@settings(max_examples=12, deadline=None)
@given(COUNTS, SEEDS, SEEDS)
def test_keep_is_nested_and_proportional(counts: list[int], order: int, seed: int) -> None:
    labels = domain(counts, order).labels
    sets = [subsample(labels, n, seed, "toy") for n in range(1, len(labels) + 1)]
    assert all(np.isin(small, large).all() for small, large in zip(sets, sets[1:], strict=False))
    for n, chosen in enumerate(sets, start=1):
        got = np.bincount(labels[chosen], minlength=len(counts))
        assert len(chosen) == n and (np.abs(got - n * np.array(counts) / len(labels)) <= 1.5).all()


@settings(max_examples=40, deadline=None)
@given(COUNTS, SEEDS, st.sets(st.sampled_from([1, 2]), min_size=1))
def test_a_division_that_came_with_the_data_is_kept(counts: list[int], seed: int, parts: set[int]) -> None:
    toy = domain(counts, 0)
    more = np.concatenate([toy.labels, *([np.arange(len(counts))] * 2 * len(parts))])
    held = [np.full(2 * len(counts), p, np.int8) for p in sorted(parts)]
    part = np.concatenate([np.zeros(len(toy.labels), np.int8), *held])
    images = np.zeros((len(more), 1, 1, 1), np.uint8)
    origins = np.arange(len(more), dtype=np.uint64)
    both = Domain.of("toy", images, more, toy.classes, licence="-", source="-", given=part, origins=origins)
    split = both.split(DataSpec(seed=seed), 0)
    for index, number in ((split.val, 1), (split.test, 2)):
        if number in parts:
            assert np.array_equal(index, np.flatnonzero(part == number))
        else:
            assert len(np.unique(more[index])) == len(counts) and (part[index] == 0).all()
    assert (part[split.train] == 0).all() and len(np.unique(more[split.train])) == len(counts)
