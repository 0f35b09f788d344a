"""Plain attributes of pictures, none of which is a shape: colours, background, brightness, sharpness, place.

A network that answers by one of them has taken a shortcut.

Reference:
    Geirhos et al. (2020), Shortcut learning in deep neural networks, Nature Machine Intelligence 2, §2.
    arXiv:2004.07780.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BORDER = 8  # the background is the outermost eighth of a side
HUES = 8  # sectors of the colour circle


def attributes(images: NDArray[np.uint8]) -> dict[str, Floats]:
    """Attribute → (n, k) figures of each picture.

    Args:
        images: (n, c, h, w) uint8.
    """
    x = images.astype(np.float64) / 255
    width = max(images.shape[-1] // BORDER, 1)
    edge = np.ones(images.shape[-2:], bool)
    edge[width:-width, width:-width] = False
    grey = x.mean(1)
    slope = np.abs(np.diff(grey, axis=1)).mean((1, 2)) + np.abs(np.diff(grey, axis=2)).mean((1, 2))
    apart = np.abs(grey - np.median(grey, (1, 2))[:, None, None]) + 1e-9
    rows, columns = np.indices(grey.shape[1:]) / grey.shape[-1]
    mass = apart.sum((1, 2))
    place = np.stack([(apart * rows).sum((1, 2)) / mass, (apart * columns).sum((1, 2)) / mass], 1)
    return {
        "colour": np.concatenate([_moments(x[:, :, ~edge]), _hues(x[:, :, ~edge])], 1),
        "background": np.concatenate([_moments(x[:, :, edge]), _hues(x[:, :, edge])], 1),
        "brightness": np.stack([grey.mean((1, 2)), grey.std((1, 2))], 1),
        "sharpness": slope[:, None],
        "place": place,
    }


def _moments(pixels: Floats) -> Floats:
    """Mean and standard deviation of each channel, (n, 2c), of (n, c, pixels)."""
    return np.concatenate([pixels.mean(2), pixels.std(2)], 1)


def _hues(pixels: Floats) -> Floats:
    """How much colour lies in each sector of the colour circle, (n, sectors), of (n, c, pixels); 0 for grey."""
    if pixels.shape[1] != 3:
        return np.zeros((len(pixels), 0))
    red, green, blue = pixels[:, 0], pixels[:, 1], pixels[:, 2]
    a, b = (2 * red - green - blue) / 2, (green - blue) * np.sqrt(3) / 2
    chroma = np.hypot(a, b)
    sector = np.floor((np.arctan2(b, a) / (2 * np.pi) % 1) * HUES).astype(int) % HUES
    found = np.stack([np.where(sector == s, chroma, 0.0).mean(1) for s in range(HUES)], 1)
    shares: Floats = found / np.maximum(found.sum(1, keepdims=True), 1e-6)
    return shares
