"""What each layer makes of a picture."""

from __future__ import annotations

import msgspec


class FeatureMap(msgspec.Struct, frozen=True):
    """One channel of a layer's output.

    Attributes:
        channel: Its number.
        strength: Mean absolute activation over the places, by which channels are chosen.
        lo: Least activation, black on the picture of the map.
        hi: Largest, white.
        png: The map as a grey PNG in base64, at most 64 pixels wide; one that is the same everywhere is mid-grey.
    """

    channel: int
    strength: float
    lo: float
    hi: float
    png: str


class MappedLayer(msgspec.Struct, frozen=True):
    """The strongest channels of a layer.

    Attributes:
        layer: Its number, from the stem up.
        name: Its name.
        channels: Channels of its output; 0 = it has no module of its own to look at.
        rows: Places from top to bottom; 0 = its output is not spread over the picture.
        columns: From left to right.
        maps: Strongest first.
    """

    layer: int
    name: str
    channels: int
    rows: int
    columns: int
    maps: list[FeatureMap]


class ClassAnswer(msgspec.Struct, frozen=True):
    """A class, and how likely the head finds it.

    Attributes:
        name: Of the class.
        probability: 0 … 1.
    """

    name: str
    probability: float


class FeatureMapsResult(msgspec.Struct, frozen=True):
    """What each layer makes of a picture.

    Attributes:
        domain: Whose picture.
        part: Of it: test, val, train or all.
        picture: Its place in that part.
        label: Name of its class.
        png: The picture, as a PNG in base64, at most 96 pixels wide.
        backbone: The network.
        weights: Its weights.
        layers: From the stem up.
        head: Every class and its probability, the likeliest first; empty where the weights know no head for them.
        head_reason: Why there is none; empty where there is.
    """

    domain: str
    part: str
    picture: int
    label: str
    png: str
    backbone: str
    weights: str
    layers: list[MappedLayer]
    head: list[ClassAnswer]
    head_reason: str
