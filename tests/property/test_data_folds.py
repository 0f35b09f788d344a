"""Whatever the labels, groups and copies: folds cover every picture once, groups stay whole, classes keep their shares."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tltk.data.division import bundles, deal, fewest
from tltk.data.domain import Domain
from tltk.data.files import Files, column_of
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec

SEEDS = st.integers(0, 2**31 - 1)


def domain(labels: np.ndarray, groups: list[str] | None = None, twins: np.ndarray | None = None) -> Domain:
    n, classes = len(labels), [f"c{i}" for i in range(int(labels.max()) + 1)]
    images, origins = np.zeros((n, 1, 1, 1), np.uint8), np.arange(n, dtype=np.uint64)
    columns = {} if groups is None else {"patient": column_of(groups)}
    files = Files(tuple(f"{i}.png" for i in range(n)), columns, "patient" if groups else "")
    return Domain.of("toy", images, labels, classes, licence="-", source="-", origins=origins, twins=twins, files=files)


def drawn(counts: list[int], order: int) -> np.ndarray:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return np.random.default_rng(order).permutation(labels)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(8, 40), min_size=2, max_size=5), SEEDS, SEEDS, st.integers(2, 8), st.floats(0.05, 0.5))
def test_folds_cover_every_picture_once_and_every_class_alike(
    counts: list[int], order: int, seed: int, folds: int, val: float
) -> None:
    toy, tests = domain(drawn(counts, order)), []
    for fold in range(1, folds + 1):
        split = toy.split(DataSpec(seed=seed, folds=folds, fold=fold, val=val), 0)
        whole = np.concatenate([split.train, split.val, split.test])
        assert np.array_equal(np.sort(whole), np.arange(sum(counts)))
        assert all(len(np.unique(toy.labels[part])) == len(counts) for part in (split.train, split.val, split.test))
        tests.append(split.test)
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(sum(counts)))
    by_class = np.array([np.bincount(toy.labels[t], minlength=len(counts)) for t in tests])
    assert (np.ptp(by_class, 0) <= 1).all() and np.ptp([len(t) for t in tests]) <= len(counts)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SEEDS, st.integers(2, 6), st.integers(10, 40), st.integers(2, 4), st.floats(0, 1))
def test_groups_and_copies_stay_whole(
    order: int, seed: int, folds: int, n_groups: int, classes: int, pure: float
) -> None:
    """Groups of one class each or of several, and copies that lie across groups: no part shares any of them."""
    draw = np.random.default_rng(order)
    n = 6 * n_groups
    patient = draw.integers(0, n_groups, n)
    own = draw.integers(0, classes, n_groups)
    labels = np.where(draw.random(n) < pure, own[patient], draw.integers(0, classes, n)).astype(np.int64)
    labels[:classes] = np.arange(classes)
    twins = np.arange(n)
    for i in np.flatnonzero(draw.random(n) < 0.1):
        twins[i] = twins[draw.integers(0, i + 1)]
    toy = domain(labels, [f"p{g}" for g in patient], twins)
    asked = [DataSpec(seed=seed), *(DataSpec(seed=seed, folds=folds, fold=f + 1) for f in range(folds))]
    tests = []
    for spec in asked:
        try:
            split = toy.split(spec, 0)
        except DataProblem as fault:
            assert "groups" in str(fault)
            return
        parts = (split.train, split.val, split.test)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert not np.isin(patient[parts[a]], patient[parts[b]]).any()
            assert not np.isin(twins[parts[a]], twins[parts[b]]).any()
        tests.append(split.test)
    assert np.array_equal(np.sort(np.concatenate(tests[1:])), np.arange(n))


def test_many_equal_groups_are_divided_as_the_shares_say() -> None:
    patient = np.repeat(np.arange(100), 5)
    labels = (patient % 2).astype(np.int64)
    toy = domain(labels, [f"p{g}" for g in patient])
    split = toy.split(DataSpec(val=0.2, test=0.3), 0)
    for part, share in ((split.train, 0.5), (split.val, 0.2), (split.test, 0.3)):
        assert (np.bincount(labels[part]) == share * 250).all()
    for fold in range(1, 6):
        assert (np.bincount(labels[toy.split(DataSpec(folds=5, fold=fold), 0).test]) == 50).all()


def test_a_class_in_as_few_groups_as_there_are_parts_is_in_each() -> None:
    """Three equal groups, or one that holds nearly all: each part gets one of them."""
    for sizes in ((4, 4, 4), (20, 1, 1)):
        groups = np.repeat(np.arange(3), sizes)
        labels = np.concatenate([np.zeros(sum(sizes)), np.ones(30)]).astype(np.int64)
        toy = domain(labels, [*(f"p{g}" for g in groups), *(f"q{i}" for i in range(30))])
        split = toy.split(DataSpec(), 0)
        assert [len(set(groups[part[part < sum(sizes)]])) for part in (split.train, split.val, split.test)] == [1, 1, 1]


def test_folds_depend_on_the_seed_of_the_data_alone() -> None:
    toy, spec = domain(drawn([30, 30], 0)), DataSpec(folds=5, fold=2, seed=4)
    first = toy.split(spec, 0).test
    assert np.array_equal(first, toy.split(spec, 9).test)
    assert np.array_equal(first, toy.split(dataclasses.replace(spec, val=0.4), 0).test)
    assert not np.array_equal(first, toy.split(dataclasses.replace(spec, seed=5), 0).test)


def test_what_cannot_be_divided_is_a_sentence() -> None:
    toy = domain(np.array([0] * 20 + [1] * 4, np.int64), [f"p{i // 2}" for i in range(24)])
    with pytest.raises(DataProblem, match=r"at least 3 different groups, one to train on.*c1 \(2\)"):
        toy.split(DataSpec(), 0)
    with pytest.raises(DataProblem, match=r"at least 5 different groups, to be in each of 5 folds.*c1 \(2\)"):
        toy.split(DataSpec(folds=5), 0)
    plain = domain(np.array([0] * 20 + [1] * 3, np.int64))
    with pytest.raises(DataProblem, match=r"at least 4 different pictures, to be in each of 2 folds"):
        plain.split(DataSpec(folds=2), 0)
    shared = domain(np.arange(40, dtype=np.int64) % 2, ["one"] * 40)
    with pytest.raises(DataProblem, match="groups"):
        shared.split(DataSpec(), 0)


def test_the_fewest_are_enough() -> None:
    """With as few of each class as is asked for, every part has every class, whatever the seed."""
    for folds in (2, 3, 4, 7):
        labels = np.repeat(np.arange(3), fewest(folds, 0)).astype(np.int64)
        for seed in range(5):
            for fold in range(1, folds + 1):
                domain(labels).split(DataSpec(folds=folds, fold=fold, seed=seed), 0)


def test_parts_that_the_data_came_in_are_put_together_for_folds() -> None:
    toy = domain(drawn([20, 20], 1))
    divided = dataclasses.replace(toy, given=(np.arange(40) % 3).astype(np.int8))
    tests = [divided.split(DataSpec(folds=4, fold=f), 0).test for f in range(1, 5)]
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(40))
    among = np.arange(5, 40)
    left = [divided.split(DataSpec(folds=3, fold=f), 0, among).test for f in range(1, 4)]
    assert np.array_equal(np.sort(np.concatenate(left)), among)


def test_bundles_hang_together_by_chains() -> None:
    twins = np.array([0, 1, 2, 0, 4, 4])
    assert bundles(twins, None) is twins
    found = bundles(twins, np.array([0, 0, 1, 2, 2, 3]))
    assert len(set(found[[0, 1, 3, 4, 5]])) == 1 and found[2] not in found[[0, 1]]
    part = deal(np.zeros(6, np.int64), found, [0.5, 0.5], 0)
    assert len(set(part[[0, 1, 3, 4, 5]])) == 1 and part[2] != part[0]
