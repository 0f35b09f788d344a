"""Plain attributes of pictures, none of which is a shape: colours, and those of the background.

A network that answers by one of them has taken a shortcut, and follows it where pictures are recoloured.

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
    return {
        "colour": np.concatenate([_moments(x[:, :, ~edge]), _hues(x[:, :, ~edge])], 1),
        "background": np.concatenate([_moments(x[:, :, edge]), _hues(x[:, :, edge])], 1),
    }


def recolour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same pictures with their channels in turn: every hue is a third of the circle further, shapes are the same.

    Args:
        images: (n, c, h, w) uint8.
    """
    return np.roll(images, 1, axis=1)


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
