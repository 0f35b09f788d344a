"""TCA against Pan et al. (2011): eigenvectors of (KLK + μI)⁻¹KHK by a solver of general matrices, and its objective."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eig, solve

from tltk.alignments.tca import Tca

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(14, 4)), RNG.normal(size=(11, 4)) + [3, 0, 0, 0]
LABELS = np.arange(14) % 2
N, M = len(X), len(Y)
ALL = np.concatenate([X, Y])
GAPS = ((ALL[:, None] - ALL[None]) ** 2).sum(-1)
WIDTH = np.median(np.sqrt(GAPS[np.triu_indices(N + M, 1)]))
K = np.exp(-GAPS / (2 * WIDTH**2))
L = np.block(
    [
        [np.full((N, N), 1 / N**2), np.full((N, M), -1 / (N * M))],
        [np.full((M, N), -1 / (N * M)), np.full((M, M), 1 / M**2)],
    ]
)
H = np.eye(N + M) - 1 / (N + M)


@pytest.mark.parametrize("mu", [0.1, 1.0])
def test_components_are_the_eigenvectors(mu: float) -> None:
    values, vectors = eig(solve(K @ L @ K + mu * np.eye(N + M), K @ H @ K))
    first = np.real(vectors[:, np.argsort(-values.real)[:3]])
    first /= np.sqrt(np.diag(first.T @ K @ H @ K @ first))  # WᵀKHKW = I
    expected = K @ first
    found = Tca(dimension=3, mu=mu)(X, LABELS, Y)
    mine = np.concatenate([found.source, found.move_target(Y)])
    sign = np.sign((mine * expected).sum(0))
    np.testing.assert_allclose(mine * sign, expected, rtol=1e-6, atol=1e-8)


def test_domains_are_nearer_than_in_the_kernels_principal_components() -> None:
    found = Tca(dimension=2, mu=1e-4)(X, LABELS, Y)
    gap = np.abs(found.source.mean(0) - found.move_target(Y).mean(0)) / found.source.std(0)
    values, vectors = np.linalg.eigh(H @ K @ H)
    plain = (H @ K @ H) @ vectors[:, -2:]
    before = np.abs(plain[:N].mean(0) - plain[N:].mean(0)) / plain[:N].std(0)
    assert gap.max() < 0.1 * before.max()


def test_a_new_picture_lies_where_its_like_does() -> None:
    found = Tca(dimension=3)(X, LABELS, Y)
    np.testing.assert_allclose(found.move_target(Y[:2]), found.move_target(Y)[:2], atol=1e-12)
    assert Tca(dimension=500)(X, LABELS, Y).source.shape == (N, N + M - 1)
