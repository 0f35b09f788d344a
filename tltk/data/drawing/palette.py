"""Colours of a wanted luminance, schemes of them, and maps through them. No torch at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tltk.data.drawing.numbers import Floats, expand_dims, interpolate

if TYPE_CHECKING:
    from torch import Tensor

DARK, LIGHT = (0.03, 0.45), (0.55, 0.97)  # luminance on either side of an edge


def palette(hue: Floats, saturation: Floats, light: Floats) -> Floats:
    """(…, 3) red, green and blue of these hues with exactly these luminances (Rec. 709 weights), all in 0 … 1.

    Y = 0.2126 R + 0.7152 G + 0.0722 B; a colour is darkened towards black or lightened towards white until Y fits.

    Args:
        hue: (…) in turns: 0 and 1 are red.
        saturation: (…) in 0 … 1.
        light: (…) luminance Y in 0 … 1.
    """
    k = (np.array([5.0, 3.0, 1.0]) + 6 * hue[..., None]) % 6
    rgb = 1 - saturation[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1)
    now, light = (rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None], light[..., None]
    down, up = light / np.maximum(now, light), (light - now).clip(0) / np.maximum(1 - now, 1e-9)
    mixed: Floats = rgb * down + (1 - rgb * down) * up
    return mixed


def schemes(chance: Floats) -> tuple[Floats, Floats]:
    """Colours of ground and figure, (m, 3, 3) each: three colours, on the two sides of middle grey.

    Which side is dark is drawn, so that nothing learned can depend on polarity. In a third of the schemes the middle
    colour of the figure is of the ground's side, so that there are edges within; one in seven is grey.
    """
    m, u = len(chance), iter(chance.T)
    grey, dark = next(u) < 1 / 7, np.repeat(next(u)[:, None] < 0.5, 3, 1)
    inside = ~dark
    inside[:, 1] ^= next(u) < 1 / 3
    first, spread = np.stack([next(u), next(u)]), np.stack([next(u), next(u)]) ** 2
    found = []
    for side, below in enumerate((dark, inside)):
        turn, rich, light = (np.stack([next(u) for _ in range(3)], 1) for _ in range(3))
        hue = first[side][:, None] + interpolate(0.05, 0.5, spread[side])[:, None] * (turn - 0.5) * 2
        saturation = np.where(grey[:, None], 0.0, rich ** (0.6 if side else 1.2))
        light = np.where(below, interpolate(*DARK, light), interpolate(*LIGHT, light))
        found.append(palette(hue.reshape(m, 3), saturation, light))
    return found[0], found[1]


def ramp(colours: Floats, at: Tensor) -> Tensor:
    """(m, 3, h, w): the colour map through three colours (m, 3 colours, 3), read at (m, h, w) in 0 … 1.

    Args:
        colours: (m, 3 colours, 3 channels) in 0 … 1: at 0, at ½ and at 1.
        at: (m, h, w) positions; beyond 0 … 1 the end colours hold.
    """
    import torch

    stops = expand_dims(colours, 4).unsqueeze(-1)  # (m, 3 colours, 3, 1, 1)
    low, high = (2 * at).clamp_(0, 1)[:, None], (2 * at).sub_(1).clamp_(0, 1)[:, None]
    return torch.addcmul(stops[:, 0], stops[:, 1] - stops[:, 0], low).addcmul_(stops[:, 2] - stops[:, 1], high)
