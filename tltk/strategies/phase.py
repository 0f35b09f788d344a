"""A phase: the unit of every strategy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tltk.errors import BadSpec


@dataclass(frozen=True)
class Phase:
    """A span of epochs with one rate per layer; 0 = frozen.

    Attributes:
        lr_scale: Share of the learning rate of each layer of the backbone, then of the head; 0 = frozen.
        epochs: How many it lasts.
        restarts: Whether the schedule begins again with this phase.

    Raises:
        BadSpec: A rate is negative or no number, none is positive, or there is no epoch.
    """

    lr_scale: tuple[float, ...]
    epochs: int
    restarts: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= s < float("inf") for s in self.lr_scale) or not any(self.lr_scale):
            raise BadSpec(
                f"A phase's rates must be finite, none of them negative and one of them positive. Got {self.lr_scale}."
            )
        if self.epochs < 1:
            raise BadSpec(f"A phase needs at least one epoch. Got {self.epochs}.")

    @property
    def boundary(self) -> int:
        """The layers before the first that learns: a prefix, whose features can be computed once and kept."""
        return next(i for i, scale in enumerate(self.lr_scale) if scale)

    @property
    def frozen_above(self) -> tuple[int, ...]:
        """The layers above the boundary that are frozen nevertheless."""
        return tuple(i for i, scale in enumerate(self.lr_scale) if not scale and i > self.boundary)

    @property
    def headless(self) -> Phase:
        """The same with a frozen head; itself where nothing but the head learns."""
        body = self.lr_scale[:-1]
        return dataclasses.replace(self, lr_scale=(*body, 0.0)) if any(body) else self

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the boundary with it."""
        return {"boundary": self.boundary, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> Phase:
        """The phase of this plain data.

        Raises:
            BadSpec: It is none.
        """
        return cls(tuple(body["lr_scale"]), body["epochs"], body.get("restarts", False))
