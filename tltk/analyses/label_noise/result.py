"""Which labels of a domain are likely wrong."""

from __future__ import annotations

import msgspec


class Suspect(msgspec.Struct, frozen=True):
    """A picture whose label is likely wrong.

    Attributes:
        index: Its position in the domain.
        name: Its file, or its place in the domain.
        part: train, val or test, by the split of the question.
        label: Class number that it has.
        likely: Class number that it is likely of.
        probability_label: Of the class that it has, by a fit that has not seen it, 0 … 1.
        probability: Of the class that it is likely of.
    """

    index: int
    name: str
    part: str
    label: int
    likely: int
    probability_label: float
    probability: float


class LabelNoiseResult(msgspec.Struct, frozen=True):
    """Labels that are likely wrong; the first of them lie on `pictures.png` of the run's folder in this order.

    Attributes:
        domain: Whose labels.
        part: Of them: all, train, val or test.
        classes: Names, by class number.
        n: Labels that were judged.
        backbone: Whose features were used.
        weights: Of it.
        layer: Whose features; the depth = what enters the head.
        layer_name: Its name.
        folds: Parts of the cross-validation.
        accuracy: Share of the labels that the probe names, out of fold.
        noise: Estimated share of wrong labels.
        thresholds: Mean probability of each class on pictures that have its label; None = none has.
        joint: The confident joint: pictures by the label that they have (rows) and likely are of (columns).
        suspects: What is likely wrong, worst first.
        shown: Of these on the sheet.
        remarks: What must be known before labels are changed.
    """

    domain: str
    part: str
    classes: list[str]
    n: int
    backbone: str
    weights: str
    layer: int
    layer_name: str
    folds: int
    accuracy: float
    noise: float
    thresholds: list[float | None]
    joint: list[list[int]]
    suspects: list[Suspect]
    shown: int
    remarks: list[str]
