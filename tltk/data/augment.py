"""Augmentation of a whole batch at once, on the device where it lies: one affine, then colours.

The one file of this package with torch. Random numbers are drawn on the CPU, so that a run on CUDA sees
the same views as one on the CPU.

Reference: crops as in Szegedy et al. (2015), Going Deeper with Convolutions, CVPR, §6, arXiv:1409.4842.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tltk.specs.parts import ViewSpec

N_DRAWS = 10  # random numbers per picture, used or not: one knob does not disturb the others
MAX_LOG_STRETCH = math.log(4 / 3)  # crops are up to 4:3 or 3:4
JITTER = 0.8  # factors lie in 1 ± JITTER · colour


def views(images: Tensor, spec: ViewSpec, generator: torch.Generator) -> Tensor:
    """Random views of pictures; with no knob turned, the pictures themselves.

    Args:
        images: (n, c, h, w) uint8 on any device.
        spec: Strengths; `copies` is not looked at here.
        generator: A CPU generator; the views depend on its state alone.

    Returns:
        (n, c, h, w) float32 in 0 … 1 on the same device.
    """
    return alter(images.to(torch.float32) / 255, spec, generator)


def alter(x: Tensor, spec: ViewSpec, generator: torch.Generator) -> Tensor:
    """`views` of pictures that are floats already.

    Args:
        x: (n, c, h, w) in 0 … 1 on any device.
        spec: Strengths; `copies` is not looked at here.
        generator: A CPU generator; the views depend on its state alone.

    Returns:
        As many on the same device, in 0 … 1; with no knob turned, `x` itself.
    """
    if spec.is_none:
        return x
    chance = torch.rand((len(x), N_DRAWS), generator=generator)
    flipped = chance[:, 0] < spec.flip
    if spec.crop or spec.rotation:
        x = _warp(x, _affine(chance, flipped, spec, x.shape))
    else:
        x = torch.where(flipped.to(x.device)[:, None, None, None], x.flip(3), x)
    return _jitter(x, chance[:, 6:9], spec.colour) if spec.colour else x


def normalise(x: Tensor, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> Tensor:
    """(x − mean) / std per channel; x is (n, c, h, w), mean and std have c numbers.

    Args:
        x: (n, c, h, w) floating.
        mean: c numbers, in the units of `x`.
        std: c numbers above 0, in the units of `x`.
    """
    centre = torch.as_tensor(mean, dtype=x.dtype, device=x.device).reshape(1, -1, 1, 1)
    spread = torch.as_tensor(std, dtype=x.dtype, device=x.device).reshape(1, -1, 1, 1)
    return (x - centre) / spread


def _affine(chance: Tensor, flipped: Tensor, spec: ViewSpec, shape: Sequence[int]) -> Tensor:
    """(n, 2, 3): from output to input coordinates, −1 … 1 on either side."""
    area = 1 - spec.crop * chance[:, 1]
    # The stretch fades out with the crop, so that a crop of 0 is no crop.
    stretch = torch.exp(MAX_LOG_STRETCH * min(1.0, 2 * spec.crop) * (2 * chance[:, 2] - 1))
    width = (area * stretch).sqrt().clamp(max=1.0)
    height = (area / stretch).sqrt().clamp(max=1.0)
    angle = math.radians(spec.rotation) * (2 * chance[:, 5] - 1)
    mirror = torch.where(flipped, -1.0, 1.0)
    cos, sin, ratio = angle.cos(), angle.sin(), shape[2] / shape[3]  # turn in pixels, not in shares
    left = (1 - width) * (2 * chance[:, 3] - 1)
    top = (1 - height) * (2 * chance[:, 4] - 1)
    first = torch.stack([cos * width * mirror, -sin * height * ratio, left], dim=1)
    second = torch.stack([sin * width * mirror / ratio, cos * height, top], dim=1)
    return torch.stack([first, second], dim=1)


def _warp(x: Tensor, affine: Tensor) -> Tensor:
    grid = F.affine_grid(affine.to(x.device), list(x.shape), align_corners=False)
    # Corners that a rotation uncovers show the picture's mirror image, not black.
    warped = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return warped.clamp(0, 1)


def _jitter(x: Tensor, chance: Tensor, strength: float) -> Tensor:
    """Brightness, contrast and, in colour pictures, saturation, each by a factor per picture."""
    factors = (1 + JITTER * strength * (2 * chance - 1)).to(x.device)
    brightness, contrast, saturation = (f[:, None, None, None] for f in factors.unbind(1))
    x = (x * brightness).clamp(0, 1)
    middle = luma(x).mean(dim=(1, 2, 3), keepdim=True)
    x = (middle + (x - middle) * contrast).clamp(0, 1)
    if x.shape[1] == 3:
        grey = luma(x)
        x = (grey + (x - grey) * saturation).clamp(0, 1)
    return x


def luma(x: Tensor) -> Tensor:
    """(n, 1, h, w): luma (ITU-R BT.601) of colour pictures, else the mean over channels.

    Args:
        x: (n, c, h, w) floating.
    """
    if x.shape[1] != 3:
        return x.mean(dim=1, keepdim=True)
    return 0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
