"""CORAL as an alignment against Sun, Feng and Saenko (2016), algorithm 1, by SciPy's matrix roots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from tltk.alignments.coral import Coral
from tltk.errors import BadSpec

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 5)) @ RNG.normal(size=(5, 5)) + 2
Y = RNG.normal(size=(40, 5)) @ RNG.normal(size=(5, 5)) - 1
LABELS = np.arange(30) % 2


def test_it_is_the_algorithm_on_centred_features() -> None:
    own, theirs = (np.cov(d, rowvar=False) + np.eye(5) for d in (X, Y))
    expected = (X - X.mean(0)) @ fractional_matrix_power(own, -0.5) @ fractional_matrix_power(theirs, 0.5)
    found = Coral()(X, LABELS, Y)
    np.testing.assert_allclose(found.source - Y.mean(0), expected, rtol=1e-9, atol=1e-9)
    assert found.move_target(Y) is Y


def test_without_a_ridge_the_source_has_the_targets_moments() -> None:
    moved = Coral(ridge=1e-6)(X, LABELS, Y).source
    np.testing.assert_allclose(moved.mean(0), Y.mean(0), atol=1e-9)
    np.testing.assert_allclose(np.cov(moved, rowvar=False), np.cov(Y, rowvar=False), atol=1e-4)


def test_equal_moments_leave_the_source_where_it_is() -> None:
    np.testing.assert_allclose(Coral()(X, LABELS, X[::-1]).source, X, atol=1e-9)


def test_an_infinity_is_a_sentence() -> None:
    broken = X.copy()
    broken[0, 0] = np.inf
    with pytest.raises(BadSpec, match="must be finite"):
        Coral()(broken, LABELS, Y)
    with pytest.raises(BadSpec, match="must be"):
        Coral()(X, LABELS, Y[:, :3])
