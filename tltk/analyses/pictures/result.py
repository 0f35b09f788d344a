"""What some test pictures show."""

from __future__ import annotations

import msgspec


class PicturesResult(msgspec.Struct, frozen=True):
    """Some test pictures; they lie on `pictures.png` of the run's folder in this order.

    Attributes:
        index: Their places among the test pictures.
        labels: Class number of each.
        classes: Names, by class number.
        test: Test pictures in all.
        texts: What each says, of texts; empty elsewhere.
    """

    index: list[int]
    labels: list[int]
    classes: list[str]
    test: int
    texts: list[str] = []
