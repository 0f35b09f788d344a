"""What plan is proposed."""

from __future__ import annotations

import msgspec

from tltk.analyses.advise.result import AdviseResult


class SidesResult(msgspec.Struct, frozen=True):
    """How large the files of a domain are, by the shorter side of each picture.

    Attributes:
        n: Files that were measured; of many, some.
        least: The smallest, in pixels.
        median: Half of them are smaller, in pixels.
        most: The largest, in pixels.
    """

    n: int
    least: int
    median: int
    most: int


class ProposeResult(msgspec.Struct, frozen=True):
    """A plan to begin with, and what it rests on.

    Attributes:
        size: Side at which pictures should be read, in pixels.
        why_size: The reason, in a sentence.
        sides: How large the files are; None where a domain has no picture files.
        technique: In one word, as `tltk race --arms` takes it.
        backbone: timm's name of the network.
        weights: Where its weights come from.
        boundary: Lowest layer that learns.
        depth: Layers of the network.
        why: Why this technique and boundary, in a sentence.
        change: What would change it, in a sentence.
        why_weights: Why these weights, in a sentence.
        minutes: Estimated for a training on this machine; None where it cannot be estimated.
        advice: All that was measured for it.
    """

    size: int
    why_size: str
    sides: SidesResult | None
    technique: str
    backbone: str
    weights: str
    boundary: int
    depth: int
    why: str
    change: str
    why_weights: str
    minutes: float | None
    advice: AdviseResult
