"""Witness function and neighbours against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.shift.mmd import mmd
from tltk.shift.witness import cross_neighbours, mixed_share, most_typical, witness

RNG = np.random.default_rng(11)
X, Y, Z = RNG.normal(size=(9, 3)), RNG.normal(size=(7, 3)) + 1, RNG.normal(size=(5, 3))
TX, TY, TZ = (torch.from_numpy(a) for a in (X, Y, Z))


def k(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return math.exp(-((a - b) ** 2).sum() / (2 * 1.3**2))


def test_equals_the_difference_of_mean_embeddings() -> None:
    expected = [np.mean([k(x, z) for x in X]) - np.mean([k(y, z) for y in Y]) for z in Z]
    np.testing.assert_allclose(witness(TZ, TX, TY, kernel="rbf", bandwidth=1.3), expected, rtol=1e-10)


def test_its_difference_of_means_is_the_biased_mmd() -> None:
    f_x = witness(TX, TX, TY, kernel="rbf", bandwidth=1.3)
    f_y = witness(TY, TX, TY, kernel="rbf", bandwidth=1.3)
    assert float(f_x.mean() - f_y.mean()) == pytest.approx(
        float(mmd(TX, TY, kernel="rbf", bandwidth=1.3, estimator="biased")), rel=1e-10
    )


def test_the_most_typical_are_those_only_one_domain_has() -> None:
    g = torch.Generator().manual_seed(0)
    source = torch.cat([torch.randn(40, 2, generator=g), torch.full((6, 2), 5.0)])
    target = torch.cat([torch.randn(40, 2, generator=g), torch.full((6, 2), -5.0)])
    only_source, only_target = most_typical(source, target, count=6)
    assert sorted(only_source.tolist()) == list(range(40, 46))
    assert sorted(only_target.tolist()) == list(range(40, 46))


def test_neighbours_across() -> None:
    rows, distances = cross_neighbours(TX, TY, k=3)
    for i, x in enumerate(X):
        d = np.linalg.norm(Y - x, axis=1)
        assert rows[i].tolist() == np.argsort(d)[:3].tolist()
        np.testing.assert_allclose(distances[i], np.sort(d)[:3], rtol=1e-9)


def test_share_of_mixed_neighbourhoods() -> None:
    pooled, domain = np.concatenate([X, Y]), np.array([0] * 9 + [1] * 7)
    mixed = 0
    for i, p in enumerate(pooled):
        d = np.linalg.norm(pooled - p, axis=1)
        d[i] = np.inf
        mixed += len(set(domain[np.argsort(d)[:4]])) == 2
    assert mixed_share(TX, TY, k=4) == pytest.approx(mixed / 16)


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="k must be at least 2 and below the 16 samples"):
        mixed_share(TX, TY, k=16)
    with pytest.raises(BadSpec, match="between 1 and the 7 target rows"):
        cross_neighbours(TX, TY, k=8)
