"""NT-Xent against Chen et al. (2020), Eq. 1, pair by pair in NumPy; the views that it compares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.steps import Floats, differences, gradient
from tltk.terms.simclr import Simclr, nt_xent

Z = np.random.default_rng(3).normal(size=(8, 5))  # two views of four pictures


def paper(z: Floats, temperature: float) -> Any:
    """ℓ(i, j) of Eq. 1, over both orders of each pair; views 2k − 1 and 2k there are k and k + n here."""
    n = len(z) // 2

    def sim(i: int, k: int) -> Any:
        return z[i] @ z[k] / (np.linalg.norm(z[i]) * np.linalg.norm(z[k]))

    def loss(i: int, j: int) -> Any:
        others = sum(np.exp(sim(i, k) / temperature) for k in range(2 * n) if k != i)
        return -np.log(np.exp(sim(i, j) / temperature) / others)

    return sum(loss(k, k + n) + loss(k + n, k) for k in range(n)) / (2 * n)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_equals_the_paper(temperature: float) -> None:
    z = torch.tensor(Z, requires_grad=True)
    value, _ = nt_xent(z, temperature)
    value.backward()
    assert value.item() == pytest.approx(paper(Z, temperature), rel=1e-12)
    np.testing.assert_allclose(gradient(z), differences(lambda x: paper(x, temperature), Z), rtol=1e-5, atol=1e-9)


def test_views_that_are_all_alike_are_told_apart_by_guessing() -> None:
    value, _ = nt_xent(torch.ones(12, 3, dtype=torch.float64), 0.5)
    assert value.item() == pytest.approx(math.log(11))


def test_orthogonal_pairs_are_the_best_that_can_be() -> None:
    pairs = torch.eye(4, dtype=torch.float64).repeat(2, 1)
    value, nearest = nt_xent(pairs, 0.5)
    assert value.item() == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 6)))
    assert nearest.item() == 1.0
    assert nt_xent(3 * pairs, 0.5)[0].item() == pytest.approx(value.item()), "lengths do not matter"


def test_the_order_of_the_pictures_does_not_matter() -> None:
    order = np.array([2, 0, 3, 1])
    moved = Z[np.concatenate([order, order + 4])]
    assert nt_xent(torch.tensor(moved), 0.5)[0].item() == pytest.approx(nt_xent(torch.tensor(Z), 0.5)[0].item())


def test_views_lie_between_0_and_1_and_lose_colours_as_often_as_asked() -> None:
    x = torch.rand(400, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = Simclr(grey=0.25).view(x, torch.Generator().manual_seed(1))
    assert seen.shape == x.shape and float(seen.min()) >= 0 and float(seen.max()) <= 1
    grey = (seen[:, 0] == seen[:, 1]).all((1, 2)) & (seen[:, 0] == seen[:, 2]).all((1, 2))
    assert 0.18 < float(grey.float().mean()) < 0.32
    same = Simclr(crop=0.0, flip=0.0, colour=0.0, grey=0.0).view(x, torch.Generator().manual_seed(1))
    assert torch.equal(same, x), "with all of it off, the pictures themselves"
