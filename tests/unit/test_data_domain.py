"""Splits, few-shot subsets and the checks on arrays."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tltk.data.domain import Domain, few_shot, fingerprint, subsample
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def domain(counts: list[int], given: list[int] | None = None) -> Domain:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 3, 4, 4), np.uint8)
    names = [f"class{c}" for c in range(len(counts))]
    parts = None if given is None else np.array(given, np.int8)
    return Domain.of("toy", images, labels, names, licence="-", source="-", given=parts)


def test_a_split_depends_on_shares_and_data_seed_alone() -> None:
    toy = domain([30, 40, 50])
    base = toy.split(DataSpec("digits"), seed=1)
    same = toy.split(DataSpec("folder:x", size=64, shots=3, n=9), seed=2)
    assert np.array_equal(base.val, same.val) and np.array_equal(base.test, same.test)
    other = toy.split(DataSpec("digits", seed=1), seed=1)
    assert not np.array_equal(base.test, other.test)
    assert [len(base.train), len(base.val), len(base.test)] == [120 - 18 - 36, 18, 36]


def test_split_is_pinned() -> None:
    """The same on every machine and NumPy: a changed division makes old runs incomparable."""
    split = domain([6, 6]).split(DataSpec(val=0.2, test=0.3), seed=0)
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == PINNED


PINNED = ([0, 4, 5, 6, 8, 9], [1, 7], [2, 3, 10, 11])


def test_three_pictures_give_each_part_one_and_two_are_too_few() -> None:
    split = domain([3, 3]).split(DataSpec(val=0.01, test=0.8), seed=0)
    assert [len(split.train), len(split.val), len(split.test)] == [2, 2, 2]
    with pytest.raises(DataProblem, match=r"at least 3 pictures.*class1 \(2\)"):
        domain([3, 2]).split(DataSpec(), seed=0)


def test_given_parts_are_kept_and_a_missing_one_comes_out_of_train() -> None:
    toy = domain([12, 12], given=([0] * 8 + [2] * 4) * 2)
    split = toy.split(DataSpec(val=0.25), seed=0)
    assert split.test.tolist() == [8, 9, 10, 11, 20, 21, 22, 23]
    assert len(split.val) == 4 and len(split.train) == 12
    assert toy.given is not None and (toy.given[split.val] == 0).all()
    whole = domain([4, 4], given=[0, 0, 1, 2] * 2).split(DataSpec(), seed=0)
    assert (whole.train.tolist(), whole.val.tolist(), whole.test.tolist()) == ([0, 1, 4, 5], [2, 6], [3, 7])


def test_shots_reduce_train_only_and_name_small_classes() -> None:
    toy = domain([30, 12])
    full, few = toy.split(DataSpec(), 0), toy.split(DataSpec(shots=5), 0)
    assert np.array_equal(full.test, few.test) and np.isin(few.train, full.train).all()
    assert np.bincount(toy.labels[few.train]).tolist() == [5, 5]
    with pytest.raises(DataProblem, match=r"shots = 10.*class1 \(6\)"):
        toy.split(DataSpec(shots=10), 0)


def test_few_shot_refuses_classes_without_candidates() -> None:
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(DataProblem, match=r"Too few: 1 \(0\)"):
        few_shot(labels, np.array([0, 1]), 1, 0)
    with pytest.raises(DataProblem, match="at least 1"):
        few_shot(labels, np.arange(4), 0, 0)


def test_keep_holds_the_proportions() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10]).astype(np.int64)
    assert np.bincount(labels[subsample(labels, 32, 0, "toy")]).tolist() == [20, 10, 2]
    assert subsample(labels, 0, 0, "toy").tolist() == list(range(160))
    with pytest.raises(DataProblem, match="toy has 160 examples. Got n = 161"):
        subsample(labels, 161, 0, "toy")


def test_fingerprint_sees_one_pixel_one_label_and_one_name() -> None:
    toy = domain([3, 3])
    assert re.fullmatch("[0-9a-f]{16}", toy.fingerprint)
    changed = toy.images.copy()
    changed[5, 2, 3, 3] ^= 1
    marks = {
        toy.fingerprint,
        fingerprint(changed, toy.labels, toy.classes),
        fingerprint(toy.images, toy.labels[::-1].copy(), toy.classes),
        fingerprint(toy.images, toy.labels, ("a", "b")),
        fingerprint(toy.images.reshape(6, 3, 2, 8), toy.labels, toy.classes),
    }
    assert len(marks) == 5
    assert fingerprint(toy.images.copy(), toy.labels, toy.classes) == toy.fingerprint


@pytest.mark.parametrize(
    ("counts", "given", "sentence"),
    [
        ([4], None, "at least two classes. Got one, 'class0'"),
        ([4, 0], None, "must have pictures. None for: class1"),
        ([], None, "must hold pictures"),
        ([2, 2], [0, 2, 0, 0], "in test part. None for: class1"),
        ([2, 2], [0, 0, 0, 7], "must be -1, 0, 1 or 2"),
    ],
)
def test_domains_that_cannot_be_used(counts: list[int], given: list[int] | None, sentence: str) -> None:
    with pytest.raises(DataProblem, match=re.escape(sentence)):
        domain(counts, given)


def test_arrays_that_do_not_belong_together() -> None:
    images, labels = np.zeros((4, 3, 2, 2), np.uint8), np.array([0, 1, 0, 1])
    make = {"licence": "-", "source": "-"}
    with pytest.raises(DataProblem, match="float64 of shape"):
        Domain.of("toy", images.astype(float), labels, "ab", **make)  # type: ignore[arg-type]
    with pytest.raises(DataProblem, match="one label per picture"):
        Domain.of("toy", images, labels[:3], "ab", **make)  # type: ignore[arg-type]
    with pytest.raises(DataProblem, match="between 0 and 1"):
        Domain.of("toy", images, labels + 1, "ab", **make)  # type: ignore[arg-type]
