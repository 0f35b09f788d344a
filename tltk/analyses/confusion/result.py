"""Which classes are taken for which, and on which pictures two trainings differ."""

from __future__ import annotations

import msgspec


class Answered(msgspec.Struct, frozen=True):
    """A picture with what is answered on it.

    Attributes:
        index: Its position in the domain.
        name: Its file, or its place in the domain.
        label: Class number that it has.
        predicted: Class number that it is taken for.
        probability: Of that class, 0 … 1.
        other: Class number that the other training takes it for; None = there is none.
        other_probability: Of that class; None = there is none.
    """

    index: int
    name: str
    label: int
    predicted: int
    probability: float
    other: int | None = None
    other_probability: float | None = None


class ConfusionResult(msgspec.Struct, frozen=True):
    """Counts of all pictures, and some of each kind on `pictures.png` of the run's folder, in the order of `pictures`.

    Attributes:
        run: The training.
        against: The other training; "" = there is none.
        backbone: The network of the first.
        domain: Whose pictures.
        part: Of them: test, val, train or all.
        classes: Names, by class number.
        n: Pictures whose class the training knows.
        left_out: Pictures of other classes.
        seen: Pictures of the n that the training learned from, or copies of them.
        counts: Pictures of each class, by row, that are taken for each, by column.
        other_counts: The same of the other training; empty = there is none.
        lost: Pictures that the other training gets right and this one wrong.
        gained: Pictures of the reverse.
        pictures: What is shown: the surest of each row and column, and of those on which the trainings differ.
        remarks: What is to be known of them.
    """

    run: str
    against: str
    backbone: str
    domain: str
    part: str
    classes: list[str]
    n: int
    left_out: int
    seen: int
    counts: list[list[int]]
    other_counts: list[list[int]]
    lost: int
    gained: int
    pictures: list[Answered]
    remarks: list[str]
