"""The plain appearance of pictures, in which there is no shape: their colours, and those of the background.

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
MIDDLE = 4  # the figure lies within all but the outermost quarter
HUES = 24  # sectors of the colour circle
ROOT = np.sqrt(3)


def appearance(images: NDArray[np.uint8]) -> dict[str, Floats]:
    """Attribute → (n, k) figures of each picture.

    Args:
        images: (n, c, h, w) uint8.
    """
    x = images.astype(np.float64) / 255
    sides = {"colour": _middle(x), "background": _border(x)}
    return {name: np.concatenate([_moments(pixels), _hues(pixels)], 1) for name, pixels in sides.items()}


def recolour(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Every picture turned on the colour circle until its middle has the hue of another one; shapes stay.

    What is asked of a network so is asked in colours that it knows. Pictures in grey, or of other than three channels,
    stay as they are.

    Args:
        images: (n, c, h, w) uint8.
        seed: Decides which picture gives its hue to which.
    """
    if images.shape[1] != 3:
        return images
    x = images.astype(np.float64)
    a, b = _plane(_middle(x))
    hue = np.arctan2(b.sum(1), a.sum(1))
    turn = (hue[np.random.default_rng(seed).permutation(len(hue))] - hue)[:, None, None]
    a, b = _plane(x)
    mean = x.mean(1)
    a, b = a * np.cos(turn) - b * np.sin(turn), a * np.sin(turn) + b * np.cos(turn)
    other = np.stack([mean + 2 * a / 3, mean - a / 3 + b / ROOT, mean - a / 3 - b / ROOT], 1)
    found: NDArray[np.uint8] = np.rint(other).clip(0, 255).astype(np.uint8)
    return found


def _border(x: Floats) -> Floats:
    """The outermost pixels, (n, c, pixels)."""
    width = max(x.shape[-1] // BORDER, 1)
    edge = np.ones(x.shape[-2:], bool)
    edge[width:-width, width:-width] = False
    return x[:, :, edge]


def _middle(x: Floats) -> Floats:
    """The pixels of the middle, (n, c, pixels)."""
    rows, columns = x.shape[-2] // MIDDLE, x.shape[-1] // MIDDLE
    part = x[:, :, rows : x.shape[-2] - rows, columns : x.shape[-1] - columns]
    return part.reshape(*x.shape[:2], -1)


def _plane(x: Floats) -> tuple[Floats, Floats]:
    """Red, green and blue without what they share, as two coordinates on the plane of colours."""
    return (2 * x[:, 0] - x[:, 1] - x[:, 2]) / 2, (x[:, 1] - x[:, 2]) * ROOT / 2


def _moments(pixels: Floats) -> Floats:
    """Mean and standard deviation of each channel, (n, 2c), of (n, c, pixels)."""
    return np.concatenate([pixels.mean(2), pixels.std(2)], 1)


def _hues(pixels: Floats) -> Floats:
    """How much colour lies in each sector of the colour circle, (n, sectors), of (n, c, pixels); 0 for grey."""
    if pixels.shape[1] != 3:
        return np.zeros((len(pixels), 0))
    a, b = _plane(pixels)
    chroma = np.hypot(a, b) ** 2
    sector = np.floor((np.arctan2(b, a) / (2 * np.pi) % 1) * HUES).astype(int) % HUES
    found = np.stack([np.where(sector == s, chroma, 0.0).mean(1) for s in range(HUES)], 1)
    shares: Floats = found / np.maximum(found.sum(1, keepdims=True), 1e-6)
    return shares
