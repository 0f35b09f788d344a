"""Leave-one-out kNN against scikit-learn and a loop for the ties."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from tltk.errors import BadSpec
from tltk.transferability.knn import knn

RNG = np.random.default_rng(27)
LABELS = np.arange(60) % 3
FEATURES = RNG.normal(size=(3, 5))[LABELS] + RNG.normal(size=(60, 5))


def test_one_neighbour_is_scikit_learns_leave_one_out() -> None:
    expected = cross_val_score(KNeighborsClassifier(1), FEATURES, LABELS, cv=LeaveOneOut()).mean()
    assert knn(torch.from_numpy(FEATURES), torch.from_numpy(LABELS)) == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, 5, 7])
def test_votes_with_ties_to_the_nearest(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.transferability.knn.TILE_ROWS", 17)
    right = 0
    for i in range(60):
        d = np.linalg.norm(FEATURES - FEATURES[i], axis=1)
        d[i] = np.inf
        near = LABELS[np.argsort(d)[:k]]
        votes = Counter(near.tolist())
        right += next(c for c in near if votes[c] == max(votes.values())) == LABELS[i]
    assert knn(torch.from_numpy(FEATURES), torch.from_numpy(LABELS), k=k) == pytest.approx(right / 60)


def test_k_out_of_range_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="k must be at least 1 and below the 60 samples"):
        knn(torch.from_numpy(FEATURES), torch.from_numpy(LABELS), k=60)


@pytest.mark.parametrize("scale", [1e-25, 1e20])
def test_features_of_which_the_squares_overflow(scale: float) -> None:
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)) + torch.arange(30)[:, None] % 3
    y = torch.arange(30) % 3
    assert knn(x * scale, y) == knn(x, y) > 1 / 3
