"""What comparisons say together."""

from __future__ import annotations

import msgspec

from tltk.results.verdict import Verdict


class PooledRunResult(msgspec.Struct, frozen=True):
    """A comparison that was pooled.

    Attributes:
        run: Its id.
        seeds: Its seeds.
        scratch: Mean score of its arm from scratch, 0 … 1.
        transfer: Mean score of its transfer arm.
    """

    run: str
    seeds: list[int]
    scratch: float
    transfer: float


class PoolResult(msgspec.Struct, frozen=True):
    """One verdict, with each comparison as one repeat.

    Attributes:
        verdict: Whether transfer helps, over all comparisons; its seeds are their first seeds.
        runs: The comparisons that it rests on.
        left_out: Comparisons that share seeds with one before them, which would count a training twice.
        remarks: What must be known before the figures are trusted.
    """

    verdict: Verdict
    runs: list[PooledRunResult]
    left_out: list[str]
    remarks: list[str]
