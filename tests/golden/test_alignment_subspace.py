"""Subspace alignment against Fernando et al. (2013), eq. 1–3, with principal directions from eigenvectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tltk.alignments.subspace_alignment import SubspaceAlignment

RNG = np.random.default_rng(4)
X = RNG.normal(size=(30, 6)) * [5, 4, 3, 2, 1, 0.5]
Y = RNG.normal(size=(40, 6)) @ RNG.normal(size=(6, 6)) + 3
NEW = RNG.normal(size=(7, 6))
LABELS = np.arange(30) % 2


def principal(d: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(np.cov(d, rowvar=False))
    return vectors[:, np.argsort(-values)[:k]]


def test_similarities_of_both_domains_are_the_papers() -> None:
    """Eq. 3: Sim(y_S, y_T) = (y_S X_S M)(y_T X_T)ᵀ, which no sign of a direction changes."""
    own, theirs = principal(X, 3), principal(Y, 3)
    expected = (X - X.mean(0)) @ own @ own.T @ theirs @ theirs.T @ (NEW - Y.mean(0)).T
    found = SubspaceAlignment(dimension=3)(X, LABELS, Y)
    np.testing.assert_allclose(found.source @ found.move_target(NEW).T, expected, rtol=1e-9, atol=1e-9)


def test_m_is_the_best_map_of_the_directions() -> None:
    """Eq. 1: M = argmin ‖X_S M − X_T‖; any other map is farther."""
    own, theirs = principal(X, 3), principal(Y, 3)
    best = np.linalg.lstsq(own, theirs, rcond=None)[0]
    np.testing.assert_allclose(best, own.T @ theirs, atol=1e-12)


def test_a_domain_aligned_with_itself_keeps_its_distances() -> None:
    found = SubspaceAlignment(dimension=6)(X, LABELS, X)
    np.testing.assert_allclose(found.source, found.move_target(X), atol=1e-9)
    np.testing.assert_allclose(found.source @ found.source.T, (X - X.mean(0)) @ (X - X.mean(0)).T, atol=1e-8)


def test_no_more_directions_than_there_are() -> None:
    assert SubspaceAlignment(dimension=500)(X[:4], LABELS[:4], Y).source.shape == (4, 3)
