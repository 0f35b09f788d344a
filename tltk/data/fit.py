"""How a picture of any shape becomes a square: its middle, the whole on a plain ground, or stretched. No torch here.

`decode` reads files so, `npz` arrays; what is exported reads pictures in the same way. The names stand in
`tltk.specs.parts.FITS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

CROP, PAD, SQUASH = "crop", "pad", "squash"
# The mean of ImageNet in 0 … 255, which timm's own `border` pads with: nearly zero after the normalisation that most
# networks here were trained with, so that a convolution meets it as its own padding. It is no mean of the picture or of
# the set: either would have to travel with the weights, and one picture served alone would be read otherwise.
GROUND = (124, 116, 104)
GREY_GROUND = 115  # their mean, for pictures that have not three channels


@dataclass(frozen=True)
class Change:
    """What fitting did to a picture, or on average to several.

    Attributes:
        cropped: Share of the picture that was cut away, 0 … 1.
        empty: Share of the square that shows nothing of it, 0 … 1.
        stretched: By which factor one side grew more than the other, at least 1.
    """

    cropped: float = 0.0
    empty: float = 0.0
    stretched: float = 1.0

    @classmethod
    def of(cls, width: int, height: int, size: int, fit: str) -> Change:
        """For a picture of this shape.

        Args:
            width: Of the picture, in pixels.
            height: The same.
            size: Side of the square, in pixels.
            fit: crop, pad or squash.
        """
        short, long = sorted((width, height))
        if fit == CROP:
            return cls(cropped=1 - short / long)
        if fit == SQUASH:
            return cls(stretched=long / short)
        inner = inner_size(width, height, size, fit)
        return cls(empty=1 - inner[0] * inner[1] / size**2)

    @classmethod
    def mean(cls, figures: NDArray[np.float64]) -> Change:
        """The average, each figure by itself; of no pictures, no change.

        Args:
            figures: (n, 3), a row of the three for each picture.
        """
        return cls(*(float(value) for value in figures.mean(0))) if len(figures) else cls()


def describe(change: Change, fit: str) -> str:
    """A sentence that tells the fit and what it costs, for pictures in general."""
    if fit == CROP:
        return f"Pictures are read as the square in their middle: on average {change.cropped:.0%} of one lies outside."
    if fit == PAD:
        return f"Pictures are read whole, on a plain square, of which {change.empty:.0%} is empty on average."
    return f"Pictures are read whole, squashed to squares: on average one side is stretched by {change.stretched:.2f}."


def inner_size(width: int, height: int, size: int, fit: str) -> tuple[int, int]:
    """Width and height that a picture takes in the square, in pixels.

    Args:
        width: Of the picture, in pixels; in pad, as all below, nearest to its own shape, at least 1 px.
        height: The same.
        size: Side of the square.
        fit: crop, pad or squash.
    """
    if fit != PAD:
        return size, size
    long = max(width, height)
    return max(round(width * size / long), 1), max(round(height * size / long), 1)


def shrink(image: Image.Image, size: int, fit: str) -> Image.Image:
    """What is seen of a picture, at the size that it takes in the square, not yet on its ground.

    Args:
        image: Of any shape and mode.
        size: Side of the square, in pixels.
        fit: crop, pad or squash.
    """
    inner = inner_size(*image.size, size, fit)
    if fit != CROP:
        return image.resize(inner, Resampling.BICUBIC, reducing_gap=3.0)
    side = min(image.size)  # cutting first keeps a 1 × 20,000 picture small
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize(inner, Resampling.BICUBIC, box=(left, top, left + side, top + side), reducing_gap=3.0)


def ground(channels: int) -> NDArray[np.uint8]:
    """The colour of the ground, (channels,)."""
    return np.array(GROUND if channels == len(GROUND) else (GREY_GROUND,) * channels, np.uint8)


def place(pictures: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pictures in the middle of squares of the ground; squares as they are.

    Args:
        pictures: (n, c, h, w) uint8, no side longer than `size`.
        size: Side of the squares, in pixels.

    Returns:
        (n, c, size, size).
    """
    n, channels, height, width = pictures.shape
    if height == width == size:
        return pictures
    squares = np.empty((n, channels, size, size), np.uint8)
    squares[:] = ground(channels)[:, None, None]
    top, left = (size - height) // 2, (size - width) // 2
    squares[:, :, top : top + height, left : left + width] = pictures
    return squares


def resize(images: NDArray[np.uint8], size: int, fit: str = CROP) -> NDArray[np.uint8]:
    """What is seen of pictures of one shape, at the size that they take in the square, bicubic and antialiased.

    Resampling is linear and separable, so out = V · picture · Wᵀ with two small matrices for all pictures; Pillow
    itself gives them when it resizes the identity. Large pictures are taken in strips.

    Args:
        images: (n, h, w) or (n, h, w, c) uint8.
        size: Side of the square, in pixels.
        fit: crop, pad or squash.

    Returns:
        (n, height, width, …), both `size` but for `pad`.
    """
    n, h, w = images.shape[:3]
    width, height = inner_size(w, h, size, fit)
    if fit == CROP:
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        images = images[:, top : top + side, left : left + side]
        h = w = side
    if (h, w) == (height, width):
        return np.ascontiguousarray(images)
    across, down = _weights(w, width), _weights(h, height)
    result = np.empty((n, height, width, *images.shape[3:]), np.uint8)
    step = max(1, 2**23 // max(1, result[:1].size, images[:1].size))
    columns = max(1, 2**23 // max(1, images[:1, :, :1].size))
    for start in range(0, n, step):
        both: Any = 0
        for first in range(0, w, columns):
            piece = images[start : start + step, :, first : first + columns].astype(np.float32)
            rows = np.tensordot(piece, down, axes=(1, 1))  # (m, columns, …, height): height goes last
            both = both + np.tensordot(rows, across[:, first : first + columns], axes=(1, 1))  # (m, …, height, width)
        result[start : start + step] = np.clip(np.rint(np.moveaxis(both, (-2, -1), (1, 2))), 0, 255)
    return result


def _weights(side: int, size: int) -> NDArray[np.float32]:
    """(size, side): how much each old pixel weighs in each new one, along one axis."""
    weights = np.empty((size, side), np.float32)
    step = max(1, 2**20 // side)  # the identity of a large picture's side would be larger than the picture
    for first in range(0, side, step):
        eye = np.eye(min(step, side - first), side, first, np.float32)
        narrow = Image.fromarray(eye).resize((size, len(eye)), Resampling.BICUBIC)
        weights[:, first : first + step] = np.asarray(narrow).T
    return weights
