"""The layers of a network, and what each costs."""

from __future__ import annotations

import msgspec

from tltk.results.layers import Layer
from tltk.specs.size import Size


class DescribeResult(msgspec.Struct, frozen=True):
    """A network at one picture size, layer by layer, and its speed on this machine.

    Attributes:
        backbone: timm's name of it.
        size: Side of the picture in pixels; height and width where it is no square.
        channels: Of the picture.
        layers: From the stem up, without the head.
        width: Features that the head reads.
        seconds_per_gflop: Seconds for 10⁹ operations of training, measured here; None where they cannot be counted.
        device: Where that was measured.
    """

    backbone: str
    size: Size
    channels: int
    layers: list[Layer]
    width: int
    seconds_per_gflop: float | None
    device: str
