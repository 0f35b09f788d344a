"""A strategy: the backbone at a lower rate than the head. No torch: a page draws the phases of a strategy."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary


@dataclass(frozen=True)
class TwoRates(Strategy):
    """The head is trained at the full learning rate, every layer below it at a share of it.

    Reference:
        Girshick, Donahue, Darrell and Malik (2014), Rich feature hierarchies for accurate object detection and
        semantic segmentation, CVPR, §2.3. arXiv:1311.2524.
    """

    share: float = knob(0.1, 0.001, 1.0, help="Rate of the backbone as a share of the head's.", log=True)

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase: nothing below the boundary, the share from there on, the head at the full rate."""
        check_boundary(depth, boundary)
        return [Phase((0.0,) * boundary + (self.share,) * (depth - boundary) + (1.0,), epochs)]
