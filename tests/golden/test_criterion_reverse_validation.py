"""Reverse validation: the way back by a regression that SciPy fits, and what it sees and does not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from tests.support.steps import said
from tltk.selection import criteria

RNG = np.random.default_rng(29)
CENTRES = np.array([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 2.0, 0]])


def domain(n: int, spread: float, shift: float = 0.0) -> tuple[Any, Any]:
    labels = np.arange(n) % 3
    return CENTRES[labels] + spread * RNG.normal(size=(n, 4)) + shift, labels


def way_back(z: Any, guesses: Any, x: Any) -> Any:
    """argmin Σ_j −log g + ½ ‖W‖² on standardised z, by a general solver; the class of each x."""
    mean, scale = z.mean(0), z.std(0)
    z, x = (z - mean) / scale, (x - mean) / scale

    def loss(w: Any) -> float:
        w = w.reshape(3, 5)
        logits = z @ w[:, :4].T + w[:, 4]
        return float((logsumexp(logits, 1) - logits[np.arange(len(z)), guesses]).sum() + (w[:, :4] ** 2).sum() / 2)

    w = minimize(loss, np.zeros(15), tol=1e-10).x.reshape(3, 5)
    return (x @ w[:, :4].T + w[:, 4]).argmax(1)


def criterion(z: Any, guesses: Any, x: Any, labels: Any) -> float:
    found = said(np.eye(3)[guesses], torch.from_numpy(z), np.zeros((len(x), 3)), labels, torch.from_numpy(x))
    return criteria["reverse_validation"](found)


def test_it_is_the_accuracy_of_the_way_back() -> None:
    (z, truth), (x, labels) = domain(60, 1.0, 0.3), domain(90, 1.0)
    guesses = np.where(RNG.random(60) < 0.2, (truth + 1) % 3, truth)
    expected = (way_back(z, guesses, x) == labels).mean()
    assert 0.5 < expected < 1 and criterion(z, guesses, x, labels) == pytest.approx(expected, abs=1e-12)


def test_true_guesses_on_one_domain_come_back_and_false_ones_do_not() -> None:
    (z, truth), (x, labels) = domain(90, 0.1), domain(60, 0.1)
    assert criterion(z, truth, x, labels) == 1
    assert criterion(z, (truth + 1) % 3, x, labels) == 0
    assert criterion(z, np.where(truth == 2, 1, truth), x, labels) == pytest.approx(2 / 3), "a class is lost"


def test_one_class_for_all_comes_back_as_that_class() -> None:
    (z, _), (x, labels) = domain(30, 1.0), domain(40, 1.0)
    assert criterion(z, np.full(30, 2), x, labels) == (labels == 2).mean()


def test_classes_that_are_exchanged_in_the_features_too_are_not_seen() -> None:
    """The target's class c lies where the source's class c + 1 does, and is called so: every guess is wrong."""
    (z, truth), (x, labels) = domain(90, 0.1), domain(60, 0.1)
    elsewhere = CENTRES[(truth + 1) % 3] + z - CENTRES[truth]
    assert criterion(elsewhere, (truth + 1) % 3, x, labels) == 1


def test_features_that_are_no_numbers_pick_no_epoch() -> None:
    (z, truth), (x, labels) = domain(30, 1.0), domain(30, 1.0)
    z[0, 0] = np.nan
    assert np.isnan(criterion(z, truth, x, labels))
