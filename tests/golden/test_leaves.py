"""Dead leaves: their radii and outlines against their equations, in float64 NumPy; who covers whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tltk.data.drawing import pieces
from tltk.data.sources import leaves


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0, 4.0])
def test_radii_follow_their_power_law(exponent: float) -> None:
    """The share of leaves below r is the integral of r^-e from the least radius, by a sum over a fine grid."""
    u = (np.arange(20_000) + 0.5) / 20_000
    found = leaves.radii(u, np.full(u.shape, exponent))
    low, high = leaves.RADII
    assert found.min() >= low and found.max() <= high and (np.diff(found) > 0).all()
    grid = np.linspace(low, high, 200_001)
    mass = np.cumsum(np.concatenate([[0], (grid[1:] ** -exponent + grid[:-1] ** -exponent) / 2 * np.diff(grid)]))
    for r in (0.1, 0.15, 0.2, 0.3, 0.4):
        assert (found < r).mean() == pytest.approx(np.interp(r, grid, mass / mass[-1]), abs=2e-4)


@pytest.mark.parametrize("power", [0.8, 1.0, 2.0, 6.0])
def test_the_outline_is_a_superellipse(power: float) -> None:
    """x = a |cos t|^(2/p), y = b |sin t|^(2/p) lies on it; half of it inside, twice of it outside."""
    wide, tall = 0.4, 0.2
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    x = wide * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** (2 / power)
    y = tall * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / power)
    one = torch.ones((), dtype=torch.float64)

    def far(scale: float) -> torch.Tensor:
        return leaves.outline(
            torch.from_numpy(scale * x), torch.from_numpy(scale * y), wide * one, tall * one, power * one
        )

    assert far(1.0).abs().max() < 1e-5
    assert torch.allclose(far(0.5), torch.full((400,), -0.5 * (wide * tall) ** 0.5, dtype=torch.float64), atol=1e-5)
    assert torch.allclose(far(2.0), torch.full((400,), (wide * tall) ** 0.5, dtype=torch.float64), atol=1e-5)


def test_a_circles_outline_is_its_distance() -> None:
    point = torch.tensor([0.3, 0.0, 0.05]), torch.tensor([0.0, 0.2, 0.05])
    found = leaves.outline(*point, torch.tensor(0.1), torch.tensor(0.1), torch.tensor(2.0))
    assert torch.allclose(found, torch.tensor([0.2, 0.1, 0.005**0.5 - 0.1]), atol=1e-6)


def test_the_last_leaf_covers_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies below a leaf as large as the picture cannot be seen."""
    labels, chance = np.arange(4), np.random.default_rng(0).random((4, pieces.DRAWS))
    monkeypatch.setattr(leaves, "LEAVES", 3)

    def drawn(*inside: bool) -> torch.Tensor:
        signs = iter(inside)
        monkeypatch.setattr(
            leaves, "outline", lambda x, *_: torch.full_like(x + x.mT * 0, -1.0 if next(signs) else 1.0)
        )
        return leaves.paint(labels, chance, torch.Generator().manual_seed(0), 32)

    assert torch.equal(drawn(True, True, True), drawn(False, False, True))
    assert not torch.equal(drawn(True, True, True), drawn(True, True, False))
