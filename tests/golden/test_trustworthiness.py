"""Trustworthiness against scikit-learn; hit and mixing against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness as theirs

from tltk.errors import BadSpec
from tltk.reduce.trustworthiness import domain_mixing, neighbourhood_hit, trustworthiness

RNG = np.random.default_rng(35)
X = RNG.normal(size=(60, 8))
E = X[:, :2] + 0.3 * RNG.normal(size=(60, 2))
LABELS = np.arange(60) % 3


@pytest.mark.parametrize("k", [1, 5, 20])
def test_equals_scikit_learns(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.reduce.trustworthiness.TILE_ROWS", 17)
    ours = trustworthiness(torch.from_numpy(X), torch.from_numpy(E), k=k)
    assert ours == pytest.approx(theirs(X, E, n_neighbors=k), rel=1e-12)


def neighbours(i: int, k: int) -> NDArray[np.int64]:
    d = np.linalg.norm(E - E[i], axis=1)
    d[i] = np.inf
    return np.argsort(d)[:k]


def test_neighbourhood_hit() -> None:
    expected = np.mean([np.mean(LABELS[neighbours(i, 7)] == LABELS[i]) for i in range(60)])
    assert neighbourhood_hit(torch.from_numpy(E), torch.from_numpy(LABELS), k=7) == pytest.approx(expected)


def test_domain_mixing() -> None:
    domain = (np.arange(60) < 20).astype(int)
    ratios = []
    for a, size in ((0, 40), (1, 20)):
        other = np.mean([np.mean(domain[neighbours(i, 7)] != a) for i in np.flatnonzero(domain == a).tolist()])
        ratios.append(other / ((60 - size) / 59))
    ours = domain_mixing(torch.from_numpy(E), torch.from_numpy(domain), k=7)
    assert ours == pytest.approx(np.mean(ratios))


def test_shuffled_domains_mix_fully() -> None:
    e = torch.from_numpy(RNG.normal(size=(600, 2)))
    domain = torch.from_numpy((RNG.random(600) < 0.25).astype(int))
    assert domain_mixing(e, domain) == pytest.approx(1, abs=0.07)


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="below half of the 60 samples"):
        trustworthiness(torch.from_numpy(X), torch.from_numpy(E), k=30)
    with pytest.raises(BadSpec, match="two domains"):
        domain_mixing(torch.from_numpy(E), torch.zeros(60))


@pytest.mark.parametrize("scale", [1e-30, 1e20, 1e30])
def test_features_of_which_the_squares_overflow(scale: float) -> None:
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    y, labels = x[:, :2], torch.arange(40) % 2
    assert trustworthiness(x * scale, y) == trustworthiness(x, y * scale) == trustworthiness(x, y)
    assert neighbourhood_hit(y * scale, labels) == neighbourhood_hit(y, labels)
