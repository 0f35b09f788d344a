"""Energy distance against loops, and against SciPy in one dimension."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import energy_distance

from tltk.shift.energy import energy

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(5, 3)) + 1


def test_equals_the_definition() -> None:
    def mean(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return np.mean([[np.linalg.norm(p - q) for q in b] for p in a])

    expected = 2 * mean(X, Y) - mean(X, X) - mean(Y, Y)
    assert float(energy(torch.from_numpy(X), torch.from_numpy(Y))) == pytest.approx(expected, rel=1e-10)


def test_in_one_dimension_it_is_the_square_of_scipys() -> None:
    x, y = X[:, :1], Y[:, :1]
    ours = float(energy(torch.from_numpy(x), torch.from_numpy(y)))
    assert ours == pytest.approx(energy_distance(x[:, 0], y[:, 0]) ** 2, rel=1e-10)


def test_gradient_is_finite_where_points_coincide() -> None:
    x = torch.from_numpy(X).requires_grad_()
    energy(x, torch.from_numpy(Y)).backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert torch.autograd.gradcheck(lambda a: energy(a, torch.from_numpy(Y)), (x,))


def test_a_points_distance_to_itself_is_zero_in_float32() -> None:
    x, y = (torch.from_numpy(RNG.normal(size=(2, 512)) + 30).float() for _ in range(2))
    assert float(energy(x, y)) == pytest.approx(float(energy(x.double(), y.double())), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d", "offset"), [(40, 6, 0.0), (1300, 16, 0.0), (60, 512, 0.0), (50, 8, 1000.0)])
def test_a_sample_against_itself_is_exactly_nought(n: int, d: int, offset: float, dtype: torch.dtype) -> None:
    g = torch.Generator().manual_seed(n)
    x = (torch.randn(n, d, generator=g) + offset).to(dtype)
    for other in (x, x.clone(), x[torch.randperm(n, generator=g)]):
        assert float(energy(x, other)) == 0.0
    twice = torch.cat([x, x])
    assert float(energy(twice, x)) == 0.0
    assert float(energy(x, x + 0.01)) > 0


def test_what_float32_can_hold_is_right_though_its_squares_overflow() -> None:
    x, y = torch.from_numpy(X).float(), torch.from_numpy(Y).float()
    for scale in (1e-30, 1e20, 1e30):
        assert float(energy(x * scale, y * scale)) == pytest.approx(scale * float(energy(x, y)), rel=1e-5)
