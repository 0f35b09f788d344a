"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tltk.results.verdict import Verdict


@dataclass(frozen=True)
class CompareResult:
    """The verdict, and what was trained and tested on.

    Attributes:
        verdict: Whether the transferred weights are better.
        parts: Sizes of train, validation and test, and where each came from.
        left_out: How many files were left out, and the first of them with the reason.
        notes: Doubts about the target's pictures.
        remarks: Notes and what was left out, as sentences.
    """

    verdict: Verdict
    parts: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
