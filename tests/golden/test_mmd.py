"""MMD² against loops over Gretton et al. (2012), eq. 3, eq. 5 and Lemma 14."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec, UnknownName
from tltk.shift.mmd import mmd

Floats = NDArray[np.float64]
Kernel = Callable[[Floats, Floats], float]
RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(6, 4)) * 1.5 + 0.5
S = 1.7


def rbf(a: Floats, b: Floats) -> float:
    return math.exp(-((a - b) ** 2).sum() / (2 * S * S))


def multi(a: Floats, b: Floats) -> float:
    return float(np.mean([math.exp(-((a - b) ** 2).sum() / (2 * f * S * S)) for f in (0.25, 0.5, 1, 2, 4)]))


def polynomial(a: Floats, b: Floats) -> float:
    return float((a @ b / len(a) + 1) ** 3)


KERNELS = {"rbf": rbf, "multi": multi, "polynomial": polynomial}


def biased(k: Kernel) -> float:
    n, m = len(X), len(Y)
    xx = sum(k(a, b) for a in X for b in X) / n**2
    yy = sum(k(a, b) for a in Y for b in Y) / m**2
    return xx + yy - 2 * sum(k(a, b) for a in X for b in Y) / (n * m)


def unbiased(k: Kernel) -> float:
    n, m = len(X), len(Y)
    xx = sum(k(X[i], X[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(Y[i], Y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in X for b in Y) / (n * m)


def linear(k: Kernel) -> float:
    h = []
    for i in range(min(len(X), len(Y)) // 2):
        x1, x2, y1, y2 = X[2 * i], X[2 * i + 1], Y[2 * i], Y[2 * i + 1]
        h.append(k(x1, x2) + k(y1, y2) - k(x1, y2) - k(x2, y1))
    return sum(h) / len(h)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", [biased, unbiased, linear])
def test_equals_the_paper(kernel: str, estimator: Callable[[Kernel], float]) -> None:
    ours = mmd(torch.from_numpy(X), torch.from_numpy(Y), kernel=kernel, bandwidth=S, estimator=estimator.__name__)
    assert float(ours) == pytest.approx(estimator(KERNELS[kernel]), rel=1e-10)


def test_float32_agrees_with_float64_where_values_are_small() -> None:
    x, y = torch.from_numpy(RNG.normal(size=(300, 64))), torch.from_numpy(RNG.normal(size=(300, 64)) + 0.05)
    assert float(mmd(x.float(), y.float())) == pytest.approx(float(mmd(x, y)), rel=1e-3, abs=1e-6)


def test_gradient_is_that_of_finite_differences() -> None:
    x = torch.from_numpy(X).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: mmd(a, torch.from_numpy(Y), bandwidth=S), (x,))


def test_errors_are_sentences() -> None:
    x = torch.zeros(4, 3)
    with pytest.raises(BadSpec, match="same number of features. Got 3 and 2"):
        mmd(x, torch.zeros(4, 2))
    with pytest.raises(BadSpec, match="target features must be finite"):
        mmd(x, x * torch.nan)
    with pytest.raises(BadSpec, match="source features must be a floating"):
        mmd(torch.zeros(4, 3, 2), x)
    with pytest.raises(BadSpec, match="source features must have at least 2 rows"):
        mmd(x[:1], x)
    with pytest.raises(UnknownName, match="Did you mean 'biased'"):
        mmd(x, x, estimator="biassed")
