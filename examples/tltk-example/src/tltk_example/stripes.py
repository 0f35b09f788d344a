"""A domain: stripes in four directions, drawn here. Licence: CC0 1.0."""

from __future__ import annotations

import numpy as np

from tltk.data.domain import Domain, Progress
from tltk.specs.parts import DataSpec

ANGLES = (0, 45, 90, 135)  # degrees; each is a class
USUAL = 400  # pictures, where the spec does not say how many


def load(spec: DataSpec, argument: str = "", progress: Progress | None = None) -> Domain:
    """Stripes in four directions, of random width, phase and colour."""
    draw = np.random.default_rng(spec.seed)
    labels = np.arange(spec.n or USUAL, dtype=np.int64) % len(ANGLES)
    n, across = len(labels), np.linspace(-1, 1, spec.size)
    angle = np.deg2rad(np.array(ANGLES)[labels] + draw.normal(0, 5, n))[:, None, None]
    cycles, phase = (draw.uniform(low, high, (n, 1, 1)) for low, high in ((2, 6), (0, 2 * np.pi)))
    along = np.cos(angle) * across[None, None, :] + np.sin(angle) * across[None, :, None]
    waves = 0.5 + 0.5 * np.sin(np.pi * cycles * along + phase)
    images = waves[:, None] * draw.uniform(80, 255, (n, 3, 1, 1))
    if progress:
        progress(n, n)
    return Domain.of(
        spec.name,
        images.round().astype(np.uint8),
        labels,
        [f"{a} degrees" for a in ANGLES],
        licence="CC0 1.0",
        source="drawn from formulas",
    )
