"""Which pictures are copies of each other."""

from __future__ import annotations

import msgspec


class Copy(msgspec.Struct, frozen=True):
    """Two pictures that show the same, or nearly.

    Attributes:
        index: Position of the first, in the target.
        name: Its file, or its place in the domain.
        part: train, val or test.
        label: Name of its class.
        other_index: Position of the second, in the other domain where there is one, else in the target.
        other_name: Its file, or its place in the domain.
        other_part: train, val or test.
        other_label: Name of its class.
        kind: identical, near, or mirrored.
        bits: Of the 64 bits of their perceptual hashes those that differ; None = there is no such hash.
    """

    index: int
    name: str
    part: str
    label: str
    other_index: int
    other_name: str
    other_part: str
    other_label: str
    kind: str
    bits: int | None


class PartPair(msgspec.Struct, frozen=True):
    """The pairs between two parts.

    Attributes:
        part: Of the first picture.
        other_part: Of the second.
        pairs: How many.
        identical: Of these those that show the very same.
        clashing: Of these those with two labels.
    """

    part: str
    other_part: str
    pairs: int
    identical: int
    clashing: int


class DuplicatesResult(msgspec.Struct, frozen=True):
    """Copies and near copies; the first pairs lie on `pictures.png` of the run's folder, side by side.

    Of several copies of one picture each is paired with the first alone.

    Attributes:
        target: Its name.
        other: Name of the other domain; "" = the target alone.
        n: Pictures of the target.
        n_other: Pictures of the other domain; 0 = there is none.
        total: Pairs in all.
        parts: How many there are between which parts.
        pairs: The pairs, those across parts and with two labels first.
        shown: Of these on the sheet.
        remarks: What follows from them, and what could not be looked at.
    """

    target: str
    other: str
    n: int
    n_other: int
    total: int
    parts: list[PartPair]
    pairs: list[Copy]
    shown: int
    remarks: list[str]
