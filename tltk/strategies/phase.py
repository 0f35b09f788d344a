"""A phase: the unit of every strategy."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.errors import BadSpec


@dataclass(frozen=True)
class Phase:
    """A span of epochs with one rate per layer; 0 = frozen. The unit of every strategy.

    `lr_scale` has one number for each layer of the backbone, then one for the head. The first
    `boundary` are 0 and, being a prefix, can be computed once and kept.
    """

    boundary: int
    lr_scale: tuple[float, ...]
    epochs: int
    restarts: bool = False  # the schedule begins anew with this phase

    def __post_init__(self) -> None:
        scale = self.lr_scale
        if any(scale[: self.boundary]) or not all(s > 0 for s in scale[self.boundary :]):
            raise BadSpec(
                f"A phase's rates must be 0 below its boundary and positive from there on. "
                f"Got boundary {self.boundary} with {scale}."
            )
        if self.epochs < 1 or not 0 <= self.boundary < len(scale):
            raise BadSpec(
                f"A phase needs an epoch and a boundary from 0 to {len(scale) - 1}. "
                f"Got {self.epochs} epochs, boundary {self.boundary}."
            )
