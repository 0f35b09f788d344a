"""The neighbours of a picture, layer by layer."""

from __future__ import annotations

import msgspec


class Near(msgspec.Struct, frozen=True):
    """A training picture near the one that was asked about.

    Attributes:
        tile: Its place on the sheet.
        name: Its file, or its place in the domain.
        label: Name of its class.
        distance: 1 − cosine of the features, 0 … 2.
    """

    tile: int
    name: str
    label: str
    distance: float


class LayerNeighbours(msgspec.Struct, frozen=True):
    """Where the picture lies at one layer.

    Attributes:
        layer: Its number; the depth = what enters the head.
        name: Its name.
        target: The nearest pictures of the target, nearest first.
        source: Those of the source; empty = there is none.
        nearer: Share of the k nearest of both that are the target's, where both have as many; None without a source.
    """

    layer: int
    name: str
    target: list[Near]
    source: list[Near]
    nearer: float | None


class NeighboursResult(msgspec.Struct, frozen=True):
    """Neighbours layer by layer; all pictures lie on `pictures.png` of the run's folder, that asked about first.

    Attributes:
        run: The training.
        domain: Whose picture.
        index: Its position in it.
        name: Its file, or its place in the domain.
        label: Name of its class.
        target: The domain that the training learned; its training pictures are searched.
        source: The domain that the weights come from, or that was learned beside; "" = there is none.
        n: Pictures that were searched: target, source.
        layers: From the first layer to what enters the head.
    """

    run: str
    domain: str
    index: int
    name: str
    label: str
    target: str
    source: str
    n: tuple[int, int]
    layers: list[LayerNeighbours]
