"""Which training examples some pictures, texts or rows are most like."""

from __future__ import annotations

import msgspec

from tltk.analyses.predict.result import SkippedFile


class Neighbour(msgspec.Struct, frozen=True):
    """A training example near one that was asked about.

    Attributes:
        index: Its position in the domain that the training learned from.
        name: Its file, or its place in the domain; of a text or a row, what it says follows.
        label: Name of its class.
        distance: 1 − cosine, 0 … 2, or the Euclidean distance of the features.
    """

    index: int
    name: str
    label: str
    distance: float


class Query(msgspec.Struct, frozen=True):
    """A picture, a text or a row that was asked about.

    Attributes:
        name: Its path, or a domain with the place in it; of a text or a row, what it says follows.
        label: Name of its class, where a domain tells; else "".
        predicted: Name of the class that the training names for it; "" where it learned without labels.
        probability: Of that class, 0 … 1; None where there is none.
        agree: Share of the neighbours that are of the predicted class; None where there is none.
        neighbours: The nearest training examples, nearest first.
    """

    name: str
    label: str
    predicted: str
    probability: float | None
    agree: float | None
    neighbours: list[Neighbour]


class NearestResult(msgspec.Struct, frozen=True):
    """The training examples nearest to some; the first of these are a row each on `pictures.png`.

    Attributes:
        run: The training.
        backbone: Its network.
        domain: Whose examples it learned from with labels.
        n: How many of them there are.
        layer: Whose features were compared; the depth = what enters the head.
        layer_name: Its name.
        distance: cosine or euclidean.
        pictures: What was asked about, in order.
        skipped: The files that were not read.
        shown: Rows on the sheet: an example, then its neighbours.
        remarks: What is to be known of how they were read.
    """

    run: str
    backbone: str
    domain: str
    n: int
    layer: int
    layer_name: str
    distance: str
    pictures: list[Query]
    skipped: list[SkippedFile]
    shown: int
    remarks: list[str]
