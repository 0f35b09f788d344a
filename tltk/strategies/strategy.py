"""What a strategy is: a list of phases. The base class is plain fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec
from tltk.strategies.phase import Phase


@dataclass(frozen=True)
class Strategy(Spec):
    """Train every layer from the boundary on, all at one rate, from the first epoch to the last.

    A strategy is pure: phases come from numbers alone, so a page can draw them before a network
    exists. One file in this folder adds one, with `Reference:` in its docstring.
    """

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """The plan for a backbone of `depth` layers (the head is one more), frozen below `boundary`.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.

        Returns:
            Phases whose epochs add up to `epochs`.
        """
        check_boundary(depth, boundary)
        return [single_phase(depth, boundary, epochs)]


def check_boundary(depth: int, boundary: int) -> None:
    """Refuse a boundary outside the network.

    Raises:
        BadSpec: It is not between 0 and `depth`.
    """
    if not 0 <= boundary <= depth:
        raise BadSpec(f"The boundary must be between 0 and {depth} for this network. Got {boundary}.")


def single_phase(depth: int, boundary: int, epochs: int, rate: float = 1.0, restarts: bool = False) -> Phase:
    """One phase with the same rate for every layer from the boundary on.

    Args:
        depth: Layers of the backbone; the head is layer number `depth`.
        boundary: Lowest layer that learns, 0 … depth.
        epochs: Of the phase, at least 1.
        rate: Share of the learning rate, above 0.
        restarts: Whether the learning-rate schedule begins again with this phase.
    """
    scale = (0.0,) * boundary + (rate,) * (depth + 1 - boundary)
    return Phase(scale, epochs, restarts)
