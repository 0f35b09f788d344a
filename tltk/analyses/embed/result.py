"""Pictures as points in two dimensions, layer by layer."""

from __future__ import annotations

import msgspec


class Placed(msgspec.Struct, frozen=True):
    """A picture of the user's among the others.

    Attributes:
        x: First coordinate.
        y: Second coordinate.
        near: The pictures that are nearest to it in the layer's own space, nearest first.
    """

    x: float
    y: float
    near: list[int]


class Frame(msgspec.Struct, frozen=True):
    """One picture of the film; None where a figure cannot be computed.

    Attributes:
        layer: Index into the names of the result; over epochs the epoch.
        name: Of the layer, or of the epoch.
        weights: before or after, where two sets of weights are shown; else "".
        x: First coordinate of each picture.
        y: Second coordinate.
        near: The nearest others of each picture in the layer's own space, nearest first.
        trustworthiness: How far neighbours here are neighbours in truth, 0 … 1.
        hit: Mean share of a picture's neighbours here that have its class.
        mixing: Share of the other domain among them, over its share if shuffled.
        placed: The picture of the user's; None without one.
    """

    layer: int
    name: str
    weights: str
    x: list[float]
    y: list[float]
    near: list[list[int]]
    trustworthiness: float | None
    hit: float | None
    mixing: float | None
    placed: Placed | None = None


class EmbedResult(msgspec.Struct, frozen=True):
    """Coordinates of all pictures, frame by frame. The target's pictures come first, as on the contact sheet.

    Attributes:
        names: The layers, then "features"; over epochs the epochs.
        frames: One for each layer, or epoch; with other weights twice as many.
        domain: Of each picture 0 = target, 1 = source.
        labels: Class of each picture.
        n: target and source → number of pictures.
        method: pca, umap or tsne.
        over: What the film runs through: layers or epochs.
        seconds: Part → seconds that it took.
        texts: What each example says, of texts; empty elsewhere.
    """

    names: list[str]
    frames: list[Frame]
    domain: list[int]
    labels: list[str]
    n: dict[str, int]
    method: str
    over: str
    seconds: dict[str, float]
    texts: list[str] = []
