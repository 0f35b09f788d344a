"""Where in pictures a training looks, and how far that depends on its weights."""

from __future__ import annotations

import msgspec


class Explained(msgspec.Struct, frozen=True):
    """A picture whose map is shown.

    Attributes:
        index: Its position in the domain.
        name: Its file, or its place in the domain.
        label: Class number that it has.
        predicted: Class number that it is taken for.
        probability: Of that class, 0 … 1.
        explained: Class number that the map is of; None = of none, since the method asks for no class.
        correlation: With its map when all layers are randomised, mean over the draws; None = there was no check.
        flat: Whether the map is the same everywhere.
    """

    index: int
    name: str
    label: int
    predicted: int
    probability: float
    explained: int | None
    correlation: float | None
    flat: bool


class RandomisedLayer(msgspec.Struct, frozen=True):
    """Maps after the weights of a layer, and of all above it, were randomised.

    Attributes:
        layer: The lowest of the randomised layers; the depth = the head alone.
        name: Its name.
        correlation: Spearman's ρ with the maps of the training, mean over pictures and draws.
        lo: Lower end of its 95% interval over the pictures.
        hi: Upper end.
        flat: Share of these maps that are the same everywhere, which counts as a correlation of 0.
    """

    layer: int
    name: str
    correlation: float
    lo: float
    hi: float
    flat: float


class SaliencyResult(msgspec.Struct, frozen=True):
    """Maps of a training; each picture lies on `pictures.png` of the run's folder, with its map after it.

    Attributes:
        run: The training.
        backbone: Its network.
        domain: Whose pictures.
        part: Of them: test, val, train or all.
        classes: Names, by class number.
        method: grad_cam or attention_rollout.
        layer: Whose maps they are, or up to which attention counts.
        layer_name: Its name.
        rows: Places of a map, from top to bottom.
        columns: Places of a map, from left to right.
        pictures: What is shown, in order.
        check: From the head down, one layer more at a time; empty = no check was asked for.
        draws: Random networks of the check.
        depends: Whether the maps depend on the weights; None = it cannot be told, or was not asked.
        sentence: That in words.
        remarks: What else is to be known.
    """

    run: str
    backbone: str
    domain: str
    part: str
    classes: list[str]
    method: str
    layer: int
    layer_name: str
    rows: int
    columns: int
    pictures: list[Explained]
    check: list[RandomisedLayer]
    draws: int
    depends: bool | None
    sentence: str
    remarks: list[str]
