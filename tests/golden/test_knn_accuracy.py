"""Weighted kNN against loops over Wu et al. (2018), and scikit-learn for one neighbour."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from tltk.errors import BadSpec
from tltk.reduce.knn_accuracy import knn_accuracy

RNG = np.random.default_rng(32)
CENTRES = RNG.normal(size=(3, 5))
A, B = np.arange(40) % 3, np.arange(25) % 3
GALLERY, QUERIES = CENTRES[A] + RNG.normal(size=(40, 5)), CENTRES[B] + RNG.normal(size=(25, 5))
ALL = tuple(torch.from_numpy(v) for v in (GALLERY, A, QUERIES, B))


@pytest.mark.parametrize("k", [3, 10, 100])
def test_equals_the_paper(k: int) -> None:
    right = 0
    for q, truth in zip(QUERIES, B, strict=True):
        s = [q @ g / np.linalg.norm(q) / np.linalg.norm(g) for g in GALLERY]
        votes = [0.0] * 3
        for i in np.argsort(s)[::-1][:k]:
            votes[A[i]] += math.exp(s[i] / 0.07)
        right += int(np.argmax(votes)) == truth
    assert knn_accuracy(*ALL, k=k) == pytest.approx(right / 25)


def test_one_neighbour_is_scikit_learns() -> None:
    expected = KNeighborsClassifier(1, metric="cosine").fit(GALLERY, A).score(QUERIES, B)
    assert knn_accuracy(*ALL, k=1) == pytest.approx(expected)


def test_a_tiny_temperature_does_not_overflow() -> None:
    assert knn_accuracy(*ALL, k=5, temperature=1e-5) == pytest.approx(knn_accuracy(*ALL, k=1))


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="must be positive"):
        knn_accuracy(*ALL, k=0)
    with pytest.raises(BadSpec, match="a label per row"):
        knn_accuracy(ALL[0], ALL[1][:3], ALL[2], ALL[3])


@pytest.mark.parametrize("scale", [1e-30, 1e20, 1e30])
def test_features_of_which_the_squares_overflow(scale: float) -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 6, generator=g), torch.arange(40) % 3
    x = x + y[:, None]
    asked = knn_accuracy(x[:30], y[:30], x[30:], y[30:])
    assert knn_accuracy(x[:30] * scale, y[:30], x[30:] * scale, y[30:]) == asked
