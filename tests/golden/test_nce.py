"""NCE against the conditional entropy from a contingency table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from tltk.errors import BadSpec
from tltk.transferability.nce import nce

RNG = np.random.default_rng(24)


def test_equals_minus_the_conditional_entropy() -> None:
    z, y = RNG.integers(0, 5, 80) * 3, RNG.integers(0, 4, 80)
    total = 0.0
    for a in set(z):
        for b in set(y):
            joint = np.mean((z == a) & (y == b))
            if joint:
                total += joint * np.log(joint / np.mean(z == a))
    assert nce(torch.from_numpy(z), torch.from_numpy(y)) == pytest.approx(total, rel=1e-10)


def test_is_mutual_information_less_entropy() -> None:
    z, y = RNG.integers(0, 5, 200), RNG.integers(0, 3, 200)
    share = np.bincount(y) / 200
    expected = mutual_info_score(z, y) + (share * np.log(share)).sum()
    assert nce(torch.from_numpy(z), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-10)


def test_lengths_must_fit() -> None:
    with pytest.raises(BadSpec, match="of one length"):
        nce(torch.tensor([0, 1]), torch.tensor([0]))


def test_classes_must_be_integers_and_two() -> None:
    two = torch.tensor([0, 1])
    with pytest.raises(BadSpec, match="Labels must be class numbers. Got torch.float32"):
        nce(two, two.float())
    with pytest.raises(BadSpec, match="Predicted classes must be class numbers. Got torch.float64"):
        nce(two.double(), two)
    with pytest.raises(BadSpec, match="samples of two classes"):
        nce(two, torch.tensor([4, 4]))
    assert nce(torch.tensor([5, 5]), two) == pytest.approx(-np.log(2))  # a head with one opinion is no fault
