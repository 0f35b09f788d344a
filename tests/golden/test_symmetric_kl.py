"""Symmetric KL against both divergences by inverses and determinants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.shift.symmetric_kl import symmetric_kl

Floats = NDArray[np.float64]
RNG = np.random.default_rng(8)


def kl(m0: Floats, c0: Floats, m1: Floats, c1: Floats) -> float:
    inverse = np.linalg.inv(c1)
    gap = m1 - m0
    logs = np.linalg.slogdet(c1)[1] - np.linalg.slogdet(c0)[1]
    return 0.5 * (np.trace(inverse @ c0) + gap @ inverse @ gap - len(m0) + logs)


@pytest.mark.parametrize(("n", "ridge"), [(40, 0.0), (40, 0.05), (4, 0.05)])
def test_is_the_sum_of_both_divergences(n: int, ridge: float) -> None:
    x, y = RNG.normal(size=(n, 5)), RNG.normal(size=(n + 3, 5)) * 1.4 + 0.5
    c, e = np.cov(x.T), np.cov(y.T)
    floor = ridge * (np.trace(c) + np.trace(e)) / 10 * np.eye(5)
    c, e = c + floor, e + floor
    expected = kl(x.mean(0), c, y.mean(0), e) + kl(y.mean(0), e, x.mean(0), c)
    ours = symmetric_kl(torch.from_numpy(x), torch.from_numpy(y), ridge=ridge)
    assert float(ours) == pytest.approx(expected, rel=1e-8)


def test_too_few_samples_without_a_ridge_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="raise the ridge or take more samples"):
        symmetric_kl(torch.ones(3, 5), torch.ones(3, 5), ridge=0.0)
