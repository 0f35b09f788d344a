"""How a picture of any shape gets another: its middle, the whole on a plain ground, or stretched. No torch here.

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

from tltk.specs.size import Size, height_and_width

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
        empty: Share of what is read that shows nothing of it, 0 … 1.
        stretched: By which factor one side grew more than the other, at least 1.
    """

    cropped: float = 0.0
    empty: float = 0.0
    stretched: float = 1.0

    @classmethod
    def of(cls, width: int, height: int, size: Size, fit: str) -> Change:
        """For a picture of this shape.

        Args:
            width: Of the picture, in pixels.
            height: The same.
            size: That it gets, in pixels.
            fit: crop, pad or squash.
        """
        high, wide = height_and_width(size)
        short, long = sorted((width * high, height * wide))  # in proportion to how far each side has to shrink
        if fit == CROP:
            return cls(cropped=1 - short / long)
        if fit == SQUASH:
            return cls(stretched=long / short)
        inner = inner_size(width, height, size, fit)
        return cls(empty=1 - inner[0] * inner[1] / (high * wide))

    @classmethod
    def mean(cls, figures: NDArray[np.float64]) -> Change:
        """The average, each figure by itself; of no pictures, no change.

        Args:
            figures: (n, 3), a row of the three for each picture.
        """
        return cls(*(float(value) for value in figures.mean(0))) if len(figures) else cls()


def describe(change: Change, fit: str, size: Size) -> str:
    """A sentence that tells the fit and what it costs, for pictures in general.

    Args:
        change: Their average.
        fit: crop, pad or squash.
        size: That they got, in pixels.
    """
    high, wide = height_and_width(size)
    shape = "square" if high == wide else f"{wide}:{high} rectangle"
    if fit == CROP:
        return f"Pictures are read as the {shape} in their middle: on average {change.cropped:.0%} of one lies outside."
    if fit == PAD:
        return f"Pictures are read whole, on a plain {shape}, of which {change.empty:.0%} is empty on average."
    return f"Pictures are read whole, squashed to {shape}s: on average one side is stretched by {change.stretched:.2f}."


def inner_size(width: int, height: int, size: Size, fit: str) -> tuple[int, int]:
    """Width and height that a picture takes in what is read, in pixels.

    Args:
        width: Of the picture, in pixels; in pad, as all below, nearest to its own shape, at least 1 px.
        height: The same.
        size: Of what is read.
        fit: crop, pad or squash.
    """
    high, wide = height_and_width(size)
    if fit != PAD:
        return wide, high
    if width * high >= height * wide:  # wider than what is read
        return wide, max(round(height * wide / width), 1)
    return max(round(width * high / height), 1), high


def middle(width: int, height: int, size: Size) -> tuple[float, float]:
    """Width and height of the largest part of a picture that has the proportions of what is read, in its pixels.

    Args:
        width: Of the picture, in pixels.
        height: The same.
        size: Of what is read.
    """
    high, wide = height_and_width(size)
    if width * high >= height * wide:
        return height * wide / high, height
    return width, width * high / wide


def shrink(image: Image.Image, size: Size, fit: str) -> Image.Image:
    """What is seen of a picture, at the size that it takes in what is read, not yet on its ground.

    Args:
        image: Of any shape and mode.
        size: Of what is read, in pixels.
        fit: crop, pad or squash.
    """
    inner = inner_size(*image.size, size, fit)
    if fit != CROP:
        return image.resize(inner, Resampling.BICUBIC, reducing_gap=3.0)
    wide, high = middle(*image.size, size)  # cutting first keeps a 1 × 20,000 picture small
    box = ((image.width - wide) / 2, (image.height - high) / 2, (image.width + wide) / 2, (image.height + high) / 2)
    return image.resize(inner, Resampling.BICUBIC, box=box, reducing_gap=3.0)


def ground(channels: int) -> NDArray[np.uint8]:
    """The colour of the ground, (channels,)."""
    return np.array(GROUND if channels == len(GROUND) else (GREY_GROUND,) * channels, np.uint8)


def place(pictures: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Pictures in the middle of the ground; those that fill it as they are.

    Args:
        pictures: (n, c, h, w) uint8, no side longer than that of `size`.
        size: Of what is read, in pixels.

    Returns:
        (n, c, *size).
    """
    n, channels, height, width = pictures.shape
    high, wide = height_and_width(size)
    if (height, width) == (high, wide):
        return pictures
    placed = np.empty((n, channels, high, wide), np.uint8)
    placed[:] = ground(channels)[:, None, None]
    top, left = (high - height) // 2, (wide - width) // 2
    placed[:, :, top : top + height, left : left + width] = pictures
    return placed


def resize(images: NDArray[np.uint8], size: Size, fit: str = CROP) -> NDArray[np.uint8]:
    """What is seen of pictures of one shape, at the size that they take in the square, bicubic and antialiased.

    Resampling is linear and separable, so out = V · picture · Wᵀ with two small matrices for all pictures; Pillow
    itself gives them when it resizes the identity. Large pictures are taken in strips.

    Args:
        images: (n, h, w) or (n, h, w, c) uint8.
        size: Of what is read, in pixels.
        fit: crop, pad or squash.

    Returns:
        (n, height, width, …), those of `size` but for `pad`.
    """
    n, h, w = images.shape[:3]
    width, height = inner_size(w, h, size, fit)
    if fit == CROP:
        across, down = (max(round(side), 1) for side in middle(w, h, size))
        top, left = (h - down) // 2, (w - across) // 2
        images = images[:, top : top + down, left : left + across]
        h, w = down, across
    if (h, w) == (height, width):
        return np.ascontiguousarray(images)
    from_columns, from_rows = _weights(w, width), _weights(h, height)
    result = np.empty((n, height, width, *images.shape[3:]), np.uint8)
    step = max(1, 2**23 // max(1, result[:1].size, images[:1].size))
    columns = max(1, 2**23 // max(1, images[:1, :, :1].size))
    for start in range(0, n, step):
        both: Any = 0
        for first in range(0, w, columns):
            piece = images[start : start + step, :, first : first + columns].astype(np.float32)
            rows = np.tensordot(piece, from_rows, axes=(1, 1))  # (m, columns, …, height): height goes last
            both = both + np.tensordot(
                rows, from_columns[:, first : first + columns], axes=(1, 1)
            )  # (m, …, height, width)
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
