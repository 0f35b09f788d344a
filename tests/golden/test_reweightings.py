"""Weights for the source: each against its own optimality, a solver of SciPy's, and a ratio of densities that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize
from scipy.stats import norm

from tltk.errors import BadSpec
from tltk.reweightings import reweightings
from tltk.reweightings.domain_classifier import DomainClassifier
from tltk.reweightings.kliep import Kliep, most_likely
from tltk.reweightings.kmm import Kmm, quadratic_program
from tltk.reweightings.reweighting import effective_size

RNG = np.random.default_rng(7)
X, Z = RNG.normal(0, 1, (300, 1)), RNG.normal(1, 0.5, (200, 1))
TRUE = norm.pdf(X[:, 0], 1, 0.5) / norm.pdf(X[:, 0], 0, 1)


def gram(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * width**2))


def median(*parts: np.ndarray) -> float:
    both = np.concatenate(parts)
    return float(np.median(np.sqrt(((both[:, None] - both[None]) ** 2).sum(-1))[np.triu_indices(len(both), 1)]))


@pytest.mark.parametrize(("name", "least"), [("domain_classifier", 0.6), ("kmm", 0.85), ("kliep", 0.9)])
def test_weights_follow_the_ratio_of_densities(name: str, least: float) -> None:
    weights = reweightings[name]()(X, Z)
    assert weights.shape == (300,) and (weights >= 0).all()
    assert weights.mean() == pytest.approx(1, abs=0.15)
    assert np.corrcoef(weights, TRUE)[0, 1] > least


@pytest.mark.parametrize("name", ["domain_classifier", "kliep"])
def test_without_a_shift_weights_are_about_even(name: str) -> None:
    here, there = RNG.normal(size=(200, 3)), RNG.normal(size=(200, 3))
    assert effective_size(reweightings[name]()(here, there)) > 140


def test_kmm_of_the_same_pictures_leaves_all_as_they_are() -> None:
    here = RNG.normal(size=(50, 3))
    np.testing.assert_allclose(Kmm()(here, here[::-1]), 1, atol=1e-4)


@pytest.mark.parametrize("name", list(reweightings))
def test_what_cannot_be_compared_is_a_sentence(name: str) -> None:
    with pytest.raises(BadSpec, match="must be"):
        reweightings[name]()(X, np.ones((5, 2)))


def test_domain_classifier_is_the_odds_of_a_regression_without_that_picture() -> None:
    """Bickel et al. (2007), eq. 8, each fold's penalised likelihood maximised by SciPy."""
    from sklearn.model_selection import StratifiedKFold

    here, there = X[:40], Z[:30]
    both, is_target = np.concatenate([here, there]), np.repeat([0, 1], [40, 30])
    odds = np.empty(70)
    for train, held in StratifiedKFold(5, shuffle=True, random_state=3).split(both, is_target):
        x, sign = both[train, 0], 2 * is_target[train] - 1

        def loss(w: np.ndarray, x: np.ndarray = x, sign: np.ndarray = sign) -> float:
            return float(0.5 * np.logaddexp(0, -sign * (w[0] * x + w[1])).sum() + w[0] ** 2 / 2)

        slope, offset = minimize(loss, np.zeros(2), tol=1e-12).x
        odds[held] = np.exp(slope * both[held, 0] + offset)
    found = DomainClassifier(strength=0.5)(here, there, seed=3)
    np.testing.assert_allclose(found, 40 / 30 * odds[:40], rtol=1e-3)


@pytest.mark.parametrize("bound", [1.5, 1000.0])
def test_kmm_is_the_minimum_of_its_programme(bound: float) -> None:
    """Huang et al. (2007), eq. 5, by a general solver with the same box and the same sum."""
    here, there = X[:25], Z[:20]
    width = median(here, there)
    kernel, kappa = gram(here, here, width), 25 / 20 * gram(here, there, width).sum(1)
    slack = 25 * (5 - 1) / 5
    found = Kmm(bound=bound)(here, there)

    def cost(w: np.ndarray) -> float:
        return float(0.5 * w @ kernel @ w - kappa @ w)

    other = minimize(
        cost,
        np.ones(25),
        jac=lambda w: kernel @ w - kappa,
        bounds=[(0, bound)] * 25,
        constraints=LinearConstraint(np.ones(25), 25 - slack, 25 + slack),
        method="SLSQP",
        options={"maxiter": 2000, "ftol": 1e-14},
    )
    assert cost(found) <= other.fun + 1e-4 * abs(other.fun)
    assert (found >= 0).all() and found.max() <= bound and 25 - slack - 1e-6 <= found.sum() <= 25 + slack + 1e-6


def test_the_programme_with_a_binding_sum() -> None:
    """min ½‖w‖² − 3 Σ w has w = 3; a sum of at most 4 over four entries leaves 1 each, a box of ½ leaves ½."""
    ones = np.ones(4)
    np.testing.assert_allclose(quadratic_program(np.eye(4), 3 * ones, 10, 0, 4), ones, atol=1e-8)
    np.testing.assert_allclose(quadratic_program(np.eye(4), 3 * ones, 0.5, 0, 4), ones / 2, atol=1e-8)
    np.testing.assert_allclose(quadratic_program(np.eye(4), 0 * ones, 10, 2, 4), ones / 2, atol=1e-8)


def test_kliep_is_the_maximum_of_its_likelihood() -> None:
    """Sugiyama et al. (2008), eq. 9, by a general solver over α ≥ 0 with Σ_i w(x_i) = n."""
    here, there, centres = X[:60], Z[:40], Z[:6]
    a, b = gram(there, centres, 0.4), gram(here, centres, 0.4).mean(0)
    alpha = most_likely(a, gram(here, centres, 0.4), tolerance=1e-7)
    other = minimize(
        lambda v: float(-np.log(a @ v).mean()),
        np.full(6, 1 / b.sum()),
        bounds=[(0, None)] * 6,
        constraints=LinearConstraint(b, 1, 1),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 2000},
    )
    assert b @ alpha == pytest.approx(1, abs=1e-12)
    assert float(-np.log(a @ alpha).mean()) <= other.fun + 1e-6


def test_kliep_gives_nothing_to_what_lies_far_from_the_target() -> None:
    here = np.concatenate([X, np.full((20, 1), -9.0)])
    weights = Kliep()(here, Z)
    assert weights[-20:].max() < 1e-3 and weights.mean() == pytest.approx(1, abs=1e-9)


def test_the_effective_number_of_pictures() -> None:
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    with pytest.raises(BadSpec, match="nothing in common"):
        effective_size(np.zeros(3))
