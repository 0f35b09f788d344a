"""H-score against both papers' formulas, the shrinkage against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf, ledoit_wolf_shrinkage

from tltk.errors import BadSpec
from tltk.transferability.hscore import hscore, ledoit_wolf

Floats = NDArray[np.float64]
RNG = np.random.default_rng(23)


def data(n: int, d: int) -> tuple[Floats, NDArray[np.int64]]:
    labels = np.arange(n) % 3
    return RNG.normal(size=(3, d))[labels] + RNG.normal(size=(n, d)), labels


def class_means(f: Floats, labels: NDArray[np.int64]) -> Floats:
    return np.array([f[labels == c].mean(0) for c in labels])


def test_unshrunk_is_bao() -> None:
    f, labels = data(50, 6)
    expected = np.trace(np.linalg.inv(np.cov(f.T)) @ np.cov(class_means(f, labels).T))
    ours = hscore(torch.from_numpy(f), torch.from_numpy(labels), shrinkage=0.0)
    assert ours == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(50, 6), (30, 90)])
def test_shrunk_is_ibrahim(n: int, d: int) -> None:
    f, labels = data(n, d)
    shrunk = LedoitWolf().fit(f)
    alpha = shrunk.shrinkage_
    between = np.cov(class_means(f, labels).T, bias=True)
    expected = np.trace(np.linalg.inv(shrunk.covariance_) @ ((1 - alpha) * between))
    assert hscore(torch.from_numpy(f), torch.from_numpy(labels)) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("n", "d"), [(40, 5), (20, 70), (200, 40)])
def test_the_shrinkage_is_that_of_scikit_learn(n: int, d: int) -> None:
    f = RNG.normal(size=(n, d)) * RNG.uniform(0.2, 3, d)
    assert ledoit_wolf(torch.from_numpy(f - f.mean(0))) == pytest.approx(ledoit_wolf_shrinkage(f), rel=1e-9)


def test_constant_features_do_no_harm() -> None:
    f, labels = data(40, 4)
    padded = torch.from_numpy(np.c_[f, np.ones(40)])
    plain = hscore(torch.from_numpy(f), torch.from_numpy(labels), shrinkage=0.0)
    assert hscore(padded, torch.from_numpy(labels), shrinkage=0.0) == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("shrinkage", [-1.0, -1e-9, 1.0001, 2.0, float("nan"), float("inf")])
def test_a_shrinkage_that_is_none_is_a_sentence(shrinkage: float) -> None:
    with pytest.raises(BadSpec, match="shrinkage must be from 0 to 1. Got"):
        hscore(torch.randn(6, 2), torch.arange(6) % 2, shrinkage=shrinkage)


@pytest.mark.parametrize("scale", [1e-20, 1e5, 1e30])
def test_the_scale_of_the_features_does_not_matter(scale: float) -> None:
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)) + torch.arange(30)[:, None] % 3
    y = torch.arange(30) % 3
    assert hscore(x * scale, y) == pytest.approx(hscore(x, y), rel=1e-4)
