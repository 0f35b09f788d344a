"""Noise and patterns. No torch at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tltk.data.drawing.numbers import Floats, expand_dims, interpolate

if TYPE_CHECKING:
    from torch import Generator, Tensor

TEXTURES = ("flat", "gradient", "noise", "stripes", "dots", "checks")
SLOPES = (0.5, 3.5)  # exponents of 1/f noise, Baradad et al. (2021), §3.2


def axes(size: int) -> tuple[Tensor, Tensor]:
    """x (1, 1, size) and y (1, size, 1) of the pixels' middles, -0.5 … 0.5 from left and top."""
    import torch

    middle = (torch.arange(size, dtype=torch.float32) + 0.5) / size - 0.5
    return middle.reshape(1, 1, size), middle.reshape(1, size, 1)


def spectrum(slopes: Floats, size: int, generator: Generator) -> Tensor:
    """Noise (m, size, size) with mean 0 and standard deviation 1, whose spectrum falls as that of photos does.

    |S(f)| ∝ 1 / (|f_x|^a + |f_y|^b), with Gaussian coefficients.

    Reference: Baradad et al. (2021), §3.2, "Spectrum", where the phase is random and the magnitude is not.

    Args:
        slopes: (m, 2), a and b.
    """
    import torch

    m, half = len(slopes), size // 2 + 1
    fx = torch.arange(half, dtype=torch.float32) ** expand_dims(slopes[:, 0])
    fy = torch.fft.fftfreq(size, 1 / size).abs()[:, None] ** expand_dims(slopes[:, 1])
    fall = fx + fy
    fall[:, 0, 0] = torch.inf
    wave = torch.view_as_complex(torch.randn((m, size, half, 2), generator=generator)).div_(fall)
    noise: Tensor = torch.fft.irfft2(wave, s=(size, size))
    return noise.div_(noise.square().mean((1, 2), keepdim=True).sqrt_())


def texture(chance: Floats, noise: Tensor) -> Tensor:
    """(m, h, w) in 0 … 1, each of one of `TEXTURES`, bent by noise (m, h, w); eight random numbers each.

    Args:
        chance: (m, 8) random numbers in 0 … 1: kind, angle, cycles, phase, bend, steepness, depth, aspect.
        noise: (m, h, w) with mean 0 and standard deviation 1, as `spectrum` draws it.
    """
    import torch

    u, size = iter(chance.T), noise.shape[-1]
    kind, turn, cycles = (next(u) * len(TEXTURES)).astype(int), 2 * np.pi * next(u), 2 ** interpolate(0.7, 3.5, next(u))
    cycles = np.minimum(cycles, size / 4)
    shift, bend, steep = next(u) * 2 * np.pi, 1.5 * next(u) ** 2, 2 ** interpolate(-0.5, 3, next(u))
    depth, other = interpolate(0.3, 1, next(u)), interpolate(0.5, 1.5, next(u))
    depth = np.where(kind == 0, 0.15 * depth, depth)
    x, y = axes(size)
    pattern = noise.clone()
    for k, name in enumerate(TEXTURES):
        at = np.flatnonzero(kind == k)
        if name in ("flat", "noise") or not len(at):
            continue
        cos, sin = expand_dims(np.cos(turn[at])), expand_dims(np.sin(turn[at]))
        field = noise[torch.from_numpy(at)]
        right, down = cos * x + sin * y, cos * y - sin * x
        if name == "gradient":
            value = right.mul_(3.5).addcmul_(field, expand_dims(0.4 * bend[at]))
        else:
            field = field.mul_(expand_dims(bend[at]))
            scale = 2 * np.pi * cycles[at]
            across = right.mul_(expand_dims(scale)).add_(field).add_(expand_dims(shift[at])).sin_()
            if name == "stripes":
                value = across.mul_(expand_dims(steep[at]))
            else:
                along = down.mul_(expand_dims(scale * other[at])).sub_(field).sin_()
                value = across.add_(along).sub_(0.8) if name == "dots" else across.mul_(along)
                value.mul_(expand_dims(1.5 * steep[at]))
        pattern[torch.from_numpy(at)] = value
    return pattern.mul_(0.45).clamp_(-1, 1).mul_(expand_dims(depth / 2)).add_(0.5)
