"""What `tltk find-rate` finds."""

from __future__ import annotations

import msgspec


class RateCurve(msgspec.Struct, frozen=True):
    """One range test: the loss while the rate rises. Lists have an entry for each step.

    Attributes:
        group: What learned, in words: the whole network, the head, or the first and the last of the layers.
        layers: Numbers of the layers that learned, the head's last.
        rates: Learning rate of each step.
        losses: Loss of its batch before the step, less that of the same batch before the first, plus the mean of those.
        smoothed: The same, each the mean of those around it.
        suggested: The rate to begin with: the lower of `steepest` and a tenth of `minimum`; None where `why` says so.
        steepest: Where the loss falls fastest; None likewise.
        minimum: Where it is least; None likewise.
        why: Why there is no suggestion, in a sentence; empty where there is one.
    """

    group: str
    layers: list[int]
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggested: float | None
    steepest: float | None
    minimum: float | None
    why: str


class FindRateResult(msgspec.Struct, frozen=True):
    """Range tests of a network, each from the same first weights.

    Attributes:
        curves: Of the whole network, of the head alone, then of each group of layers from the lowest up.
        boundary: The first layer that learns.
        optimizer: By which it was trained.
        batch_size: Pictures of a step.
        n: Training pictures that the batches are drawn from.
        device: Where it was computed.
        seconds: That it took.
    """

    curves: list[RateCurve]
    boundary: int
    optimizer: str
    batch_size: int
    n: int
    device: str
    seconds: float
