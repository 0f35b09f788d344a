"""The density ratio against two Gaussians of which it is known; the two criteria that weigh by it, by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.support.steps import said
from tltk.selection import criteria
from tltk.selection.density_ratio import density_ratio

RNG = np.random.default_rng(13)


def gaussians(n: Any, m: Any) -> Any:
    """Samples of N(0, 1) and N(1, 1) in one dimension; log p_T / p_S = x − ½."""
    return torch.from_numpy(RNG.normal(size=(n, 1))), torch.from_numpy(RNG.normal(size=(m, 1)) + 1)


def test_the_ratio_is_that_of_two_gaussians_whatever_the_sizes_of_the_samples() -> None:
    points = torch.linspace(-2, 3, 11, dtype=torch.float64)[:, None]
    for sizes in ((1900, 1900), (1900, 700), (6000, 6000)):
        found = density_ratio(points, *gaussians(*sizes)).log()
        np.testing.assert_allclose(found, points[:, 0] - 0.5, atol=0.35)


def test_its_mean_over_the_source_is_about_one() -> None:
    source, target = gaussians(1500, 1500)
    held, _ = gaussians(1500, 2)
    assert float(density_ratio(held, source, target).mean()) == pytest.approx(1, abs=0.1)


def test_features_that_are_no_numbers_have_no_ratio_and_pick_no_epoch() -> None:
    source, target = gaussians(20, 20)
    target[3] = np.inf
    assert density_ratio(source, source, target).isnan().all()
    found = said(np.zeros((20, 2)), target, np.zeros((20, 2)), np.zeros(20, np.int64), source, source)
    assert np.isnan([criteria[n](found) for n in ("importance_weighted", "deep_embedded_validation")]).all()


def weighted() -> Any:
    """Twelve pictures of the source, some wrong; their weights, by the ratio on its own."""
    z = RNG.normal(size=(12, 3))
    labels = np.arange(12) % 3
    train, target = gaussians(300, 200)
    held, _ = gaussians(12, 2)
    found = said(np.zeros((200, 3)), target, z, labels, held, train)
    return found, density_ratio(held, train, target).numpy(), (z.argmax(1) != labels).astype(float)


def test_importance_weighted_equals_its_equation() -> None:
    found, w, wrong = weighted()
    expected = sum(a for a, b in zip(w, wrong, strict=True) if not b) / sum(w)
    assert 0 < wrong.sum() < 12 and criteria["importance_weighted"](found) == pytest.approx(expected, rel=1e-9)


def test_deep_embedded_validation_equals_its_equation() -> None:
    found, w, wrong = weighted()
    losses = w * wrong
    eta = -np.cov(losses, w)[0, 1] / np.var(w, ddof=1)
    risk = losses.mean() + eta * w.mean() - eta
    assert criteria["deep_embedded_validation"](found) == pytest.approx(-risk, rel=1e-9)


def test_both_tell_a_risk_that_is_known() -> None:
    """Wrong where x > 1, so that half of N(1, 1) is, and 16% of the source, N(0, 1)."""
    plain, dev, unweighted = [], [], []
    for _ in range(20):
        train, target = gaussians(1000, 1000)
        held, _ = gaussians(400, 2)
        labels = (held[:, 0] > 1).long().numpy()
        found = said(np.zeros((1000, 2)), target, np.tile([1.0, 0.0], (400, 1)), labels, held, train)
        plain.append(1 - criteria["importance_weighted"](found))
        dev.append(-criteria["deep_embedded_validation"](found))
        unweighted.append(float((found.density_ratio * torch.from_numpy(labels)).mean()))
    assert np.mean(plain) == pytest.approx(0.5, abs=0.05) and np.mean(dev) == pytest.approx(0.5, abs=0.05)
    assert np.std(dev) < 0.8 * np.std(unweighted), "which is what the control variate is for"


def test_domains_that_are_the_same_weigh_every_picture_alike() -> None:
    train, target, held = (torch.from_numpy(RNG.normal(size=(n, 1))) for n in (900, 700, 200))
    z, labels = RNG.normal(size=(200, 3)), np.arange(200) % 3
    found = said(np.zeros((700, 3)), target, z, labels, held, train)
    assert criteria["importance_weighted"](found) == pytest.approx(criteria["source_accuracy"](found), abs=0.08)
