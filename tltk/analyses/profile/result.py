"""What `tltk profile` finds."""

from __future__ import annotations

import msgspec

from tltk.results.layers import Column


class ProfileResult(msgspec.Struct, frozen=True):
    """Figures over depth. Every list over depth has an entry for each of `names`; sides are target and source.

    Attributes:
        names: The layers from the stem up, then "features", what enters the head.
        depth: Layers of the backbone.
        columns: One quantity each.
        cka: CKA between all pairs of `names` on the target, 0 … 1 (unbiased, so a little below 0 by chance); None
            below four pictures.
        cka_after: Rows as they are, columns with the weights of `after`; None without these.
        n: Side → pictures that were examined.
        chance: Side → accuracy of always naming the most frequent class, 0 … 1.
        seconds: Part → seconds that it took; all = everything.
        tests: Layers × measures whose p-values are corrected together; 0 without a source.
        correction: That in a sentence; empty without a test.
        within: Class → side → its pictures, where class_mmd is asked; else empty.
        compared: Side → pictures in the tests; empty without a test.
        drawn: What was left out of the tests so that no example is in both domains, or twice in one; empty = nothing.
        why: Measure → why it could not be computed at some layer; it has no column then.
    """

    names: list[str]
    depth: int
    columns: list[Column]
    cka: list[list[float]] | None
    cka_after: list[list[float]] | None
    n: dict[str, int]
    chance: dict[str, float]
    seconds: dict[str, float]
    tests: int = 0
    correction: str = ""
    within: dict[str, dict[str, int]] = {}
    compared: dict[str, int] = {}
    drawn: str = ""
    why: dict[str, str] = {}
