"""What a study of labels found."""

from __future__ import annotations

import msgspec


class LabelCurveResult(msgspec.Struct, frozen=True):
    """Accuracy of one technique against the number of labels.

    Attributes:
        name: The technique.
        shots: Labels per class.
        accuracy: Mean share of the test pictures that are right, at each number.
        lo: Lower end of its 95% interval, for other seeds and other pictures.
        hi: Upper end.
        lr: The rate that was chosen at each number.
    """

    name: str
    shots: list[int]
    accuracy: list[float]
    lo: list[float]
    hi: list[float]
    lr: list[float]


class WorthResult(msgspec.Struct, frozen=True):
    """How many labels per class the yardstick needs for what a technique reaches with fewer.

    Attributes:
        name: The technique.
        shots: Its labels per class.
        labels: Labels per class at which the yardstick is as accurate; None where that lies outside the range.
        lo: Lower end of its 95% interval; None = below the range.
        hi: Upper end; None = above the range.
        beyond: "above" or "below" where `labels` is None; else empty.
    """

    name: str
    shots: int
    labels: float | None
    lo: float | None
    hi: float | None
    beyond: str


class CrossingResult(msgspec.Struct, frozen=True):
    """Where a technique stops being better than the yardstick, or begins to be.

    Attributes:
        name: The technique.
        labels: Labels per class at which the two are equal.
        before: helps, hurts or cannot tell: what it does with the fewest labels.
        after: The same with the most.
    """

    name: str
    labels: float
    before: str
    after: str


class LabelsResult(msgspec.Struct, frozen=True):
    """Curves, what they are worth, where they cross.

    Attributes:
        curves: One for each technique; the first is the yardstick.
        worth: For each other technique and number of labels.
        crossings: Where mean curves cross the yardstick's.
        sentence: What the weights are worth with the fewest labels.
        remarks: What must be known before the figures are trusted.
        seeds: The seeds that were measured.
        n_test: Test pictures.
        classes: How many classes.
    """

    curves: list[LabelCurveResult]
    worth: list[WorthResult]
    crossings: list[CrossingResult]
    sentence: str
    remarks: list[str]
    seeds: list[int]
    n_test: int
    classes: int
