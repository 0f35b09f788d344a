"""What an atlas found."""

from __future__ import annotations

import msgspec


class JourneyResult(msgspec.Struct, frozen=True):
    """One source for one target.

    Attributes:
        source: Name of the source.
        target: Name of the target.
        accuracy: Of networks from the source, fine-tuned, on the target's test, 0 … 1.
        gap: The same less that of networks from scratch, on the same pictures and seeds.
        lo: Lower end of its interval, at a level at which those of all pairs hold together (Bonferroni).
        hi: Upper end.
        label: helps, hurts, no difference or cannot tell.
        mmd: Squared MMD of the two domains in the features of the network trained on the source; None where it
            could not be computed.
    """

    source: str
    target: str
    accuracy: float
    gap: float
    lo: float
    hi: float
    label: str
    mmd: float | None


class AtlasResult(msgspec.Struct, frozen=True):
    """Every pair, and whether distance tells the gap.

    Attributes:
        domains: In the order that was asked for.
        scratch: Domain → accuracy from scratch.
        journeys: Every source for every target.
        correlation: Spearman's rank correlation of MMD and gap over the pairs, −1 … 1; None below four pairs.
        correlation_lo: Lower end of its 95% interval.
        correlation_hi: Upper end.
        sentence: Which pairs hurt, and what the distance tells.
        remarks: What must be known before the figures are trusted.
        seeds: The seeds that were measured.
    """

    domains: list[str]
    scratch: dict[str, float]
    journeys: list[JourneyResult]
    correlation: float | None
    correlation_lo: float | None
    correlation_hi: float | None
    sentence: str
    remarks: list[str]
    seeds: list[int]
