"""What a comparison found."""

from __future__ import annotations

import msgspec

from tltk.results.account import LeftOut, Part
from tltk.results.verdict import Verdict


class CompareResult(msgspec.Struct, frozen=True):
    """The verdict, and what was trained and tested on; fields with a default came later than the first results.

    Attributes:
        verdict: Whether the transferred weights are better.
        parts: train, val and test of the target: how many pictures, and where they come from.
        left_out: The target's files that were not read.
        notes: Doubts about the target's pictures.
        remarks: Notes and what was left out, in sentences.
    """

    verdict: Verdict
    parts: dict[str, Part] = {}
    left_out: LeftOut = LeftOut()
    notes: list[str] = []
    remarks: list[str] = []
