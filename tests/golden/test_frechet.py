"""Fréchet distance against SciPy's matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from tltk.shift.frechet import frechet

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("n", "m", "d"), [(50, 40, 6), (9, 12, 8), (4, 5, 7)])
def test_equals_the_formula(n: int, m: int, d: int) -> None:
    x, y = RNG.normal(size=(n, d)), RNG.normal(size=(m, d)) * 2 + 1
    c, e = np.cov(x.T), np.cov(y.T)
    root = sqrtm(sqrtm(c).real @ e @ sqrtm(c).real).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c + e - 2 * root)
    # Covariances of few samples are singular, and SciPy's own root is then good to 1e-5 only.
    assert float(frechet(torch.from_numpy(x), torch.from_numpy(y))) == pytest.approx(expected, rel=1e-5)


def test_a_sample_against_itself_is_zero_and_an_offset_is_its_square() -> None:
    x = torch.from_numpy(RNG.normal(size=(30, 4)))
    assert float(frechet(x, x)) == pytest.approx(0, abs=1e-10)
    assert float(frechet(x, x + 3)) == pytest.approx(4 * 9, rel=1e-10)
