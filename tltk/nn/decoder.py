"""Decoders: a linear map from what a layer gives back to what stood where it looked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tltk.nn.taps import places


def as_map(x: Tensor, whole: bool = False, picture: tuple[int, int] = (1, 1)) -> Tensor:
    """A layer's output as a map, (n, c, h, w).

    Args:
        x: A map, channels first or last; tokens (n, t, c); or one row for each picture, (n, c), a map of one place.
        whole: Of tokens: all of them, as a map of t × 1 places; else the last ones that fill a grid of the picture's
            proportions, so that tokens that stand for no place of the picture, which come first, are left out.
        picture: Height and width of the picture, or numbers of the same ratio.
    """
    if x.ndim == 4:
        return x if places(x, picture) == (2, 3) else x.permute(0, 3, 1, 2)
    if x.ndim == 3:
        if whole:
            return x.mT.unsqueeze(-1)
        rows, columns = grid(x.shape[1], picture)
        return x[:, -rows * columns :].mT.reshape(len(x), -1, rows, columns)
    return x.flatten(1)[:, :, None, None]


def grid(tokens: int, picture: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the largest grid of square patches that covers a picture with at most so many tokens.

    Args:
        tokens: At least 1.
        picture: Its height and width, or numbers of the same ratio.
    """
    height, width = picture
    made = [(rows, round(rows * width / height)) for rows in range(1, tokens + 1)]
    return max((one for one in made if 0 < one[0] * one[1] <= tokens), default=(1, tokens))


class Decoder(nn.Module):
    """An affine map from each place of a layer's output to the patch of what lies there, the same at all places.

    A convolution of 1 × 1 to as many numbers as the patch has, which are then put side by side. Where the sides are no
    multiples, the answer is resized.

    Args:
        given: Shape of the layer's output, its first axis the pictures.
        wanted: Shape of what is to be decoded.
        picture: Height and width of the pictures; they tell how tokens lie.
    """

    def __init__(self, given: Sequence[int], wanted: Sequence[int], picture: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.picture = picture
        self.whole = len(given) == len(wanted) == 3 and given[1] == wanted[1]
        _, depth, h, w = as_map(torch.zeros(1, *given[1:]), self.whole, picture).shape
        _, self.channels, *self.size = as_map(torch.zeros(1, *wanted[1:]), self.whole, picture).shape
        self.patch = (-(-self.size[0] // h), -(-self.size[1] // w))
        self.map = nn.Conv2d(depth, self.channels * math.prod(self.patch), 1)

    def forward(self, x: Tensor) -> Tensor:
        """A layer's output → what is decoded, (n, c, h, w) in float32; `target` is what it is compared with.

        Args:
            x: Of the shape that was given.
        """
        y = self.map(as_map(x, self.whole, self.picture)).unflatten(1, (self.channels, *self.patch))
        y = y.permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3).float()
        return y if list(y.shape[2:]) == self.size else F.interpolate(y, self.size, mode="bilinear")

    def target(self, x: Tensor) -> Tensor:
        """What is to be decoded, as a map in float32.

        Args:
            x: Of the shape that was wanted.
        """
        return as_map(x, self.whole, self.picture).float()
