"""Where a training looks, in pictures, words or columns, and how far that depends on its weights."""

from __future__ import annotations

import msgspec


class Attribution(msgspec.Struct, frozen=True):
    """A word of a text or a column of a row, and what it weighs.

    Attributes:
        name: The word, or the column.
        value: Of a column, what the row says; "" of a word.
        weight: Share of attention, or what it adds to the score of the class; None = the network does not read it.
    """

    name: str
    value: str
    weight: float | None


class Explained(msgspec.Struct, frozen=True):
    """A picture, a text or a row that is explained.

    Attributes:
        index: Its position in the domain.
        name: Its file, or its place in the domain; of a text or a row, what it says follows.
        label: Class number that it has.
        predicted: Class number that it is taken for.
        probability: Of that class, 0 … 1.
        explained: Class number that the map is of; None = of none, since the method asks for no class.
        correlation: With its map when all layers are randomised, mean over the draws; None = there was no check.
        flat: Whether the map is the same everywhere.
        parts: Of a text its words, of a row its columns; empty of a picture.
        score: The class's score before the softmax, of integrated gradients; None = it is not asked.
        baseline_score: The same of the baseline; the weights add up to the difference.
    """

    index: int
    name: str
    label: int
    predicted: int
    probability: float
    explained: int | None
    correlation: float | None
    flat: bool
    parts: list[Attribution] = []
    score: float | None = None
    baseline_score: float | None = None


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
    """Maps of pictures, each on `pictures.png` of the run's folder with its map; or weights of words or columns.

    Attributes:
        run: The training.
        backbone: Its network.
        domain: Whose examples.
        part: Of them: test, val, train or all.
        classes: Names, by class number.
        method: grad_cam, attention_rollout or integrated_gradients.
        layer: Whose maps they are, or up to which attention counts.
        layer_name: Its name.
        rows: Places of a map, from top to bottom; 0 of words and columns.
        columns: Places of a map, from left to right; 0 of words and columns.
        pictures: What is shown, in order.
        check: From the head down, one layer more at a time; empty = no check was asked for.
        draws: Random networks of the check.
        depends: Whether the maps depend on the weights; None = it cannot be told, or was not asked.
        sentence: That in words.
        remarks: What else is to be known.
        baseline: What integrated gradients start from, in words; "" = another method.
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
    baseline: str = ""
