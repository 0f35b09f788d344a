"""What a freeze-depth sweep found."""

from __future__ import annotations

import msgspec


class DepthCurveResult(msgspec.Struct, frozen=True):
    """Accuracy of one arm over the number of layers that are kept.

    Attributes:
        arm: AnB, AnB+, BnB, BnB+ or random.
        layers: Numbers of layers.
        accuracy: Mean share of the test pictures that are right, at each.
        gap: The same less that of a network trained on the target from scratch, on the same pictures and seeds.
        lo: Lower end of the 95% interval of the gap.
        hi: Upper end.
    """

    arm: str
    layers: list[int]
    accuracy: list[float]
    gap: list[float]
    lo: list[float]
    hi: list[float]


class SignResult(msgspec.Struct, frozen=True):
    """One of the signs that the paper describes.

    Attributes:
        name: co-adaptation, specific, boost or untrained.
        holds: yes, no or cannot tell.
        sentence: What was looked for and what was found.
    """

    name: str
    holds: str
    sentence: str


class SweepResult(msgspec.Struct, frozen=True):
    """Curves over depth, and the paper's signs.

    Attributes:
        base: Accuracy of a network trained on the target from scratch, 0 … 1.
        base_lo: Lower end of its 95% interval, for other seeds and other pictures.
        base_hi: Upper end.
        curves: One for each arm.
        signs: Those that the arms allow.
        sentence: How many layers can be kept.
        remarks: What must be known before the figures are trusted.
        lr: The learning rate of all arms.
        seeds: The seeds that were measured.
        n_test: Test pictures.
        names: Names of the network's layers.
        source: The domain A.
        target: The domain B.
    """

    base: float
    base_lo: float
    base_hi: float
    curves: list[DepthCurveResult]
    signs: list[SignResult]
    sentence: str
    remarks: list[str]
    lr: float
    seeds: list[int]
    n_test: int
    names: list[str]
    source: str
    target: str
