"""Kernels against loops over the definitions, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.shift import kernels

Floats = NDArray[np.float64]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3)) + 1


def loops(k: Callable[[Floats, Floats], float]) -> Floats:
    return np.array([[k(a, b) for b in Y] for a in X])


def t(a: Floats) -> Tensor:
    return torch.from_numpy(a)


def test_rbf_is_exp_of_minus_half_the_squared_distance() -> None:
    expected = loops(lambda a, b: math.exp(-((a - b) ** 2).sum() / (2 * 1.5**2)))
    np.testing.assert_allclose(kernels.rbf(t(X), t(Y), 1.5), expected, rtol=1e-12)


def test_multi_is_the_mean_over_five_variances() -> None:
    def k(a: Floats, b: Floats) -> float:
        square = ((a - b) ** 2).sum()
        return float(np.mean([math.exp(-square / (2 * f * 1.5**2)) for f in (0.25, 0.5, 1, 2, 4)]))

    np.testing.assert_allclose(kernels.multi(t(X), t(Y), 1.5), loops(k), rtol=1e-12)


def test_polynomial_is_that_of_kid() -> None:
    expected = loops(lambda a, b: float((a @ b / 3 + 1) ** 3))
    np.testing.assert_allclose(kernels.polynomial(t(X), t(Y)), expected, rtol=1e-12)


def test_median_bandwidth_is_the_median_distance_of_the_pooled_sample() -> None:
    pooled = np.concatenate([X, Y])
    pairs = sorted(np.linalg.norm(pooled[i] - pooled[j]) for i in range(12) for j in range(i))
    assert kernels.median_bandwidth(t(X), t(Y)) == pytest.approx(pairs[(len(pairs) - 1) // 2], rel=1e-12)


def test_median_bandwidth_of_many_rows_looks_at_evenly_spaced_ones() -> None:
    x, y = t(RNG.normal(size=(70, 3))), t(RNG.normal(size=(50, 3)))
    rows = torch.cat([x, y])[torch.linspace(0, 119, 40).long()]
    assert kernels.median_bandwidth(x, y, rows=40) == kernels.median_bandwidth(rows[:20], rows[20:])


def test_a_large_offset_costs_float32_no_digits() -> None:
    near = torch.from_numpy(X).float()
    far = kernels.squared_distances(near + 1000, near + 1000)
    exact = ((X[:, None] - X[None]) ** 2).sum(-1)
    np.testing.assert_allclose(far, exact, atol=2e-3)  # 1000 itself is rounded to 6e-5


def test_tiles_add_up_to_the_whole() -> None:
    k = kernels.make_kernel("multi", t(X), t(Y), 1.0)
    assert float(kernels.kernel_sum(k, t(X), t(Y), tile=2)) == pytest.approx(float(k(t(X), t(Y)).sum()))
    np.testing.assert_allclose(kernels.kernel_diagonal(k, t(X)), np.ones(7))


@pytest.mark.parametrize("name", ["rbf", "multi"])
def test_random_features_converge_to_the_kernel(name: str) -> None:
    w = kernels.sample_frequencies(name, 3, 1.5, 20_000, seed=0).double()
    phi, psi = kernels.random_features(t(X), w), kernels.random_features(t(Y), w)
    k = kernels.make_kernel(name, t(X), t(Y), 1.5)
    np.testing.assert_allclose(phi @ psi.mT, k(t(X), t(Y)), atol=0.03)
    np.testing.assert_allclose((phi * phi).sum(1), 1, rtol=1e-12)


def test_errors_are_sentences() -> None:
    with pytest.raises(UnknownName, match="kernel must be one of multi, polynomial, rbf"):
        kernels.make_kernel("rfb", t(X), t(Y), None)
    with pytest.raises(BadSpec, match="bandwidth must be positive"):
        kernels.make_kernel("rbf", t(X), t(Y), 0.0)
    with pytest.raises(BadSpec, match="median distance between samples must be positive"):
        kernels.median_bandwidth(torch.zeros(4, 2), torch.zeros(4, 2))
    with pytest.raises(BadSpec, match="Random features need"):
        kernels.sample_frequencies("polynomial", 3, 1.0, 8, 0)
