"""Signed distances of the shapes against the exact ones: point to outline, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.data.drawing.distances import DISTANCES

Points = NDArray[np.float64]


def circle(radius: float, x: float = 0.0, y: float = 0.0, start: float = 0.0, stop: float = 360.0) -> Points:
    angle = np.deg2rad(np.linspace(start, stop, 4000, endpoint=stop - start < 360))
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def regular(n: int, radius: float, start: float) -> Points:
    angle = np.deg2rad(start + 360 * np.arange(n) / n)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def box(a: float, b: float) -> Points:
    return np.array([(a, b), (-a, b), (-a, -b), (a, -b)])


def star() -> Points:
    return np.stack([regular(5, 1, 90), regular(5, 0.42, 126)], 1).reshape(-1, 2)


def cross() -> Points:
    a, b = 0.95, 0.32
    return np.array(
        [(a, b), (b, b), (b, a), (-b, a), (-b, b), (-a, b), (-a, -b), (-b, -b), (-b, -a), (b, -a), (b, -b), (a, -b)]
    )


def heart() -> Points:
    right = np.concatenate([[(0.0, 0.0)], circle(math.sqrt(2) / 4, 0.25, 0.75, -45, 135)])
    whole = np.concatenate([right, right[::-1] * (-1, 1)])
    return (whole - (0, 0.55)) * 1.5


def crescent() -> Points:
    d, ra, rb = 0.5, 0.95, 0.75
    a = (ra**2 - rb**2 + d**2) / (2 * d)
    outer, inner = (math.degrees(math.atan2(math.sqrt(ra**2 - a**2), v)) for v in (a, a - d))
    return np.concatenate([circle(ra, 0, 0, outer, 360 - outer), circle(rb, d, 0, 360 - inner, inner)]) - (0.3, 0)


OUTLINES: dict[str, list[Points]] = {
    "circle": [circle(0.85)],
    "square": [box(0.72, 0.72)],
    "star": [star()],
    "cross": [cross()],
    "bar": [box(0.95, 0.3)],
    "triangle": [np.array([(-math.sqrt(0.75), -0.38), (math.sqrt(0.75), -0.38), (0, 1.12)])],
    "ring": [circle(0.9), circle(0.46)],
    "hexagon": [regular(6, 1.6 / math.sqrt(3), 0)],
    "heart": [heart()],
    "crescent": [crescent()],
}


def exact(outlines: list[Points], p: Points) -> NDArray[np.float64]:
    """To the nearest segment of any outline; negative where a ray to the right crosses them an odd number of times."""
    nearest, inside = np.full(len(p), np.inf), np.zeros(len(p), bool)
    for outline in outlines:
        for a, b in zip(outline, np.roll(outline, -1, 0), strict=True):
            along = b - a
            if not along.any():
                continue
            share = np.clip((p - a) @ along / (along @ along), 0, 1)
            nearest = np.minimum(nearest, np.hypot(*(p - a - share[:, None] * along).T))
            if along[1]:
                crosses = (a[1] > p[:, 1]) != (b[1] > p[:, 1])
                inside ^= crosses & (p[:, 0] < a[0] + (p[:, 1] - a[1]) * along[0] / along[1])
    return np.where(inside, -nearest, nearest)


@pytest.mark.parametrize("name", list(DISTANCES))
def test_distances_are_exact(name: str) -> None:
    p = np.random.default_rng(0).uniform(-1.6, 1.6, (60, 2))
    p = np.concatenate([p, [(0.013, 0.021), (-0.9, 0.011), (0.5, 0.5), (-0.31, 0.29), (0.0, -1.4), (1.5, -0.38)]])
    x, y = torch.from_numpy(p.T.copy())
    before = x.clone(), y.clone()
    found = DISTANCES[name](x, y)
    assert found.dtype == torch.float64 and torch.equal(x, before[0]) and torch.equal(y, before[1])
    curved = name in ("circle", "ring", "heart", "crescent")
    np.testing.assert_allclose(found.numpy(), exact(OUTLINES[name], p), atol=2e-6 if curved else 1e-9)


def test_a_few_by_hand() -> None:
    at = {
        "circle": ((3, 4), 4.15),
        "square": ((2.72, 0), 2.0),
        "ring": ((0, 0), 0.46),
        "bar": ((0, 0), -0.3),
        "hexagon": ((0, 1.8), 1.0),
        "star": ((0, 3), 2.0),
        "cross": ((0.32, 0.32), 0.0),
        "heart": ((0, -1.825), 1.0),
        "crescent": ((-2.25, 0), 1.0),
        "triangle": ((0, -1.38), 1.0),
    }
    for name, (point, distance) in at.items():
        x, y = torch.tensor([point], dtype=torch.float64).T
        assert DISTANCES[name](x, y).item() == pytest.approx(distance, abs=1e-9), name
