"""LEEP against loops over Nguyen et al. (2020)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.transferability.leep import leep

RNG = np.random.default_rng(21)


def reference(theta: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    n, z_count = theta.shape
    classes, sources = set(y), range(z_count)
    joint = {(c, z): sum(theta[i, z] for i in range(n) if y[i] == c) / n for c in classes for z in sources}
    marginal = [sum(joint[c, z] for c in classes) for z in sources]
    terms = [sum(joint[y[i], z] / marginal[z] * theta[i, z] for z in sources) for i in range(n)]
    return float(np.mean(np.log(terms)))


def test_equals_the_paper() -> None:
    theta, y = RNG.dirichlet(np.ones(6), 40), RNG.integers(0, 3, 40)
    assert leep(torch.from_numpy(theta), torch.from_numpy(y)) == pytest.approx(reference(theta, y), rel=1e-10)


def test_labels_with_gaps_and_source_classes_never_predicted_are_no_trouble() -> None:
    theta = np.c_[RNG.dirichlet(np.ones(3), 20), np.zeros(20)]
    y = np.array([2, 7] * 10)
    expected = reference(theta[:, :3], y)
    assert leep(torch.from_numpy(theta), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-10)


def test_uninformative_predictions_give_minus_the_entropy() -> None:
    y = torch.tensor([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert leep(torch.full((4, 5), 0.2), y) == pytest.approx(-entropy)


def test_logits_are_refused() -> None:
    with pytest.raises(BadSpec, match="Apply softmax"):
        leep(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
