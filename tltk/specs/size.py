"""How large pictures are: one number for squares, height and width for others. Everything in pixels."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_PX, MOST_PX = 8, 1024  # of a side

Size = int | tuple[int, int]  # side of a square, or height and width


def height_and_width(size: Size) -> tuple[int, int]:
    """Both sides, in this order."""
    return (size, size) if isinstance(size, int) else size


def simplest(size: tuple[int, int]) -> Size:
    """The side alone where both are equal."""
    return size[0] if size[0] == size[1] else size


def in_pixels(size: Size) -> str:
    """In words: 64 px for a square, else width × height as programs for pictures say it: 64 × 48 px."""
    height, width = height_and_width(size)
    return f"{height} px" if height == width else f"{width} × {height} px"


def channels_and_size(shape: Sequence[int]) -> tuple[int, Size]:
    """Those of pictures of this shape, (…, channels, height, width)."""
    channels, height, width = shape[-3:]
    return channels, simplest((height, width))
