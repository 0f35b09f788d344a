"""What a comparison found."""

from __future__ import annotations

import msgspec

from tltk.results.account import LeftOut, Part
from tltk.results.transfer import Flips, SpeedUp, TransferMetric
from tltk.results.verdict import Verdict


class CompareResult(msgspec.Struct, frozen=True):
    """The verdict, and what was trained and tested on; fields with a default came later than the first results.

    Attributes:
        verdict: Whether the transferred weights are better.
        parts: train, val and test of the target: how many pictures, and where they come from.
        left_out: The target's files that were not read.
        notes: Doubts about the target's pictures.
        remarks: Notes and what was left out, in sentences.
        metrics: What the curves on the validation pictures tell, over steps.
        speed_ups: How much sooner transfer is as accurate as scratch ever is, in steps, epochs, pictures, seconds and
            FLOPs, as far as these are known.
        flips: Test pictures that one arm gets right and the other wrong; None in results of earlier versions.
        mean_gflops: Arm → 10⁹ operations of one training, mean over the seeds; empty where they cannot be counted.
        noun: What the examples are called: pictures, sounds, texts or rows.
    """

    verdict: Verdict
    parts: dict[str, Part] = {}
    left_out: LeftOut = LeftOut()
    notes: list[str] = []
    remarks: list[str] = []
    metrics: list[TransferMetric] = []
    speed_ups: list[SpeedUp] = []
    flips: Flips | None = None
    mean_gflops: dict[str, float] = {}
    noun: str = "pictures"
