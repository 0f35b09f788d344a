"""Where a training is wrong and sure of it."""

from __future__ import annotations

import msgspec

COLUMNS = 8  # pictures in a row of the contact sheet


class Mistake(msgspec.Struct, frozen=True):
    """A picture that was taken for another class.

    Attributes:
        index: Its position in the domain.
        name: Its file, or its place in the domain.
        label: Class number that it has.
        predicted: Class number that it was taken for.
        probability: Of the class that it was taken for, 0 … 1.
        probability_label: Of the class that it has.
    """

    index: int
    name: str
    label: int
    predicted: int
    probability: float
    probability_label: float


class ErrorsResult(msgspec.Struct, frozen=True):
    """The most confident mistakes of a training; they lie on `pictures.png` of the run's folder in this order.

    Attributes:
        run: The training.
        backbone: Its network.
        domain: Whose pictures.
        part: Of them: test, val, train or all.
        classes: Names, by class number.
        n: Pictures whose class the training knows.
        left_out: Pictures of other classes.
        wrong: How many of the n are taken for another class.
        seen: Pictures of the n that the training learned from, or copies of them.
        mistakes: The most confident of the wrong ones, by falling probability of the class that they were taken for.
        remarks: What is to be known of them.
    """

    run: str
    backbone: str
    domain: str
    part: str
    classes: list[str]
    n: int
    left_out: int
    wrong: int
    seen: int
    mistakes: list[Mistake]
    remarks: list[str]
