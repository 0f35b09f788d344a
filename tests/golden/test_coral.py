"""CORAL against Sun & Saenko (2016), eq. 1–3, and the two cases that other libraries get wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.shift.coral import coral

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(20, 5)), RNG.normal(size=(13, 5)) @ RNG.normal(size=(5, 5))


def covariance(d: NDArray[np.float64]) -> NDArray[np.float64]:
    one = np.ones((1, len(d)))
    return (d.T @ d - (one @ d).T @ (one @ d) / len(d)) / (len(d) - 1)


def test_equals_the_paper() -> None:
    expected = ((covariance(X) - covariance(Y)) ** 2).sum() / (4 * 5**2)
    assert float(coral(torch.from_numpy(X), torch.from_numpy(Y))) == pytest.approx(expected, rel=1e-10)


def test_an_offset_alone_gives_zero() -> None:
    x = torch.from_numpy(X)
    assert float(coral(x, x + 3)) == pytest.approx(0, abs=1e-20)


def test_the_quarter_is_kept() -> None:
    x = torch.from_numpy(X)
    expected = (covariance(X) ** 2).sum() / (4 * 5**2)  # covariance doubled: the gap is the covariance
    assert float(coral(x, 2**0.5 * x)) == pytest.approx(expected, rel=1e-10)


def test_gradient() -> None:
    x = torch.from_numpy(X).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: coral(a, torch.from_numpy(Y)), (x,))
