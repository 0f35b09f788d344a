"""Energy distance against loops, and against SciPy in one dimension."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import energy_distance

from tltk.shift.energy import energy

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(5, 3)) + 1


def test_equals_the_definition():
    def mean(a, b):
        return np.mean([[np.linalg.norm(p - q) for q in b] for p in a])

    expected = 2 * mean(X, Y) - mean(X, X) - mean(Y, Y)
    assert float(energy(torch.from_numpy(X), torch.from_numpy(Y))) == pytest.approx(expected, rel=1e-10)


def test_in_one_dimension_it_is_the_square_of_scipys():
    x, y = X[:, :1], Y[:, :1]
    ours = float(energy(torch.from_numpy(x), torch.from_numpy(y)))
    assert ours == pytest.approx(energy_distance(x[:, 0], y[:, 0]) ** 2, rel=1e-10)


def test_gradient_is_finite_where_points_coincide():
    x = torch.from_numpy(X).requires_grad_()
    energy(x, torch.from_numpy(Y)).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert torch.autograd.gradcheck(lambda a: energy(a, torch.from_numpy(Y)), (x,))


def test_a_points_distance_to_itself_is_zero_in_float32():
    x, y = (torch.from_numpy(RNG.normal(size=(2, 512)) + 30).float() for _ in range(2))
    assert float(energy(x, y)) == pytest.approx(float(energy(x.double(), y.double())), rel=1e-5)
