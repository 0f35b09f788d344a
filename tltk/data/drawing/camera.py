"""From a drawing to a photograph of it: blur, exposure, grain. No torch at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tltk.data.drawing.numbers import Floats, expand_dims, interpolate

if TYPE_CHECKING:
    from torch import Generator, Tensor

BRIGHTNESS_SPAN = (0.6, 1.0)  # share of black … white that a picture covers
GRAIN = 0.05  # highest standard deviation of the sensor's noise


def expose(x: Tensor, chance: Floats, generator: Generator) -> Tensor:
    """(m, 3, h, w) uint8: floats blurred, stretched to a random range of brightness, with grain; x is overwritten.

    Args:
        x: (m, 3, h, w) float; any range, since it is stretched. It is overwritten.
        chance: (m, ≥ 5) random numbers in 0 … 1: softness, sharpness, span, darkest value, grain.
        generator: Draws the grain.
    """
    import torch

    u, size = iter(chance.T), x.shape[-1]
    soft, sharp, span, low, grain = (next(u) for _ in range(5))
    weight = expand_dims(np.where(sharp < 0.5, 0.0, soft / 3), 4)
    x = _soften(_soften(x, weight, max(1, size // 64), 3), weight, max(1, size // 64), 2)
    span = interpolate(*BRIGHTNESS_SPAN, span)
    floor, top = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    gain = expand_dims(255 * span, 4) / (top - floor).clamp_(min=1e-3)
    x.mul_(gain).add_(expand_dims(255 * (1 - span) * low, 4) - floor * gain + 0.5)
    rough = torch.rand((len(x), 1, size, size), generator=generator).sub_(0.5)  # variance 1/12
    x.addcmul_(rough, expand_dims(255 * np.sqrt(12) * GRAIN * np.clip(2 * grain - 1, 0, 1), 4))
    return x.clamp_(0, 255).to(torch.uint8)


def _soften(x: Tensor, weight: Tensor, reach: int, axis: int) -> Tensor:
    """Neighbours at a distance mixed in, each with its weight (0 … 1/3); edges stay."""
    inner = x.shape[axis] - 2 * reach
    mixed, middle = x.clone(), x.narrow(axis, reach, inner)
    step = x.narrow(axis, 0, inner) + x.narrow(axis, 2 * reach, inner)
    mixed.narrow(axis, reach, inner).addcmul_(step.sub_(middle, alpha=2), weight)
    return mixed
