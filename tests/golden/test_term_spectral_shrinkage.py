"""Batch spectral shrinkage against Chen et al. (2019), by eigenvalues of the Gram matrix in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.toy import Toy, draw, step
from tltk import terms
from tltk.specs.parts import TermSpec
from tltk.terms.term import Side


def value(x: torch.Tensor, **given: float) -> torch.Tensor:
    return terms.make(TermSpec("spectral_shrinkage", given))(step(Toy(), Side(x, x, None)))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7)])
@pytest.mark.parametrize("k", [1, 3])
def test_it_is_the_sum_of_the_smallest_squares(shape: tuple[int, int], k: int) -> None:
    x = draw(*shape, seed=1)
    gram = x.numpy() @ x.numpy().T if shape[0] < shape[1] else x.numpy().T @ x.numpy()
    expected = 0.5 * np.linalg.eigvalsh(gram)[:k].sum()
    assert float(value(x, weight=0.5, smallest=k)) == pytest.approx(expected, rel=1e-4)


def test_all_of_them_are_the_squared_norm() -> None:
    x = draw(6, 4, seed=2)
    assert float(value(x, weight=1.0, smallest=100)) == pytest.approx(float(x.square().sum()), rel=1e-5)


def test_its_gradient_shrinks_the_weakest_direction_alone() -> None:
    """∂σ²/∂X = 2σ u vᵀ."""
    x = draw(6, 4, seed=3).requires_grad_()
    value(x, weight=1.0).backward()
    u, s, vt = np.linalg.svd(x.detach().numpy(), full_matrices=False)
    assert x.grad is not None
    assert x.grad.numpy() == pytest.approx(2 * s[-1] * np.outer(u[:, -1], vt[-1]), abs=1e-4)
