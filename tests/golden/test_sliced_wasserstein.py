"""Sliced Wasserstein against SciPy (p = 1) and an explicit integral over quantiles (p = 2)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from tltk.errors import BadSpec
from tltk.shift.sliced_wasserstein import sliced_wasserstein

RNG = np.random.default_rng(5)


def directions(d: int, count: int, seed: int) -> NDArray[np.float64]:
    theta = torch.randn(d, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (theta / theta.norm(dim=0)).numpy()


@pytest.mark.parametrize(("n", "m"), [(10, 10), (6, 9), (7, 4)])
def test_order_one_is_the_mean_of_scipys(n: int, m: int) -> None:
    x, y = RNG.normal(size=(n, 4)), RNG.normal(size=(m, 4)) + 1
    expected = np.mean([wasserstein_distance(x @ v, y @ v) for v in directions(4, 50, 7).T])
    ours = sliced_wasserstein(torch.from_numpy(x), torch.from_numpy(y), projections=50, p=1, seed=7)
    assert float(ours) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(10, 10), (6, 9), (7, 4)])
def test_order_two_is_the_integral_over_quantiles(n: int, m: int) -> None:
    x, y = RNG.normal(size=(n, 4)), RNG.normal(size=(m, 4)) + 1
    total = 0.0
    for v in directions(4, 20, 0).T:
        # Both samples repeated to n·m points of equal mass: then the sorted pairs are the coupling.
        a, b = np.sort(np.repeat(x @ v, m)), np.sort(np.repeat(y @ v, n))
        total += ((a - b) ** 2).mean() / 20
    ours = sliced_wasserstein(torch.from_numpy(x), torch.from_numpy(y), projections=20)
    assert float(ours) == pytest.approx(total**0.5, rel=1e-10)


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="p must be 1 or 2"):
        sliced_wasserstein(torch.zeros(3, 2), torch.zeros(3, 2), p=3)
