"""Surgical fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary


@dataclass(frozen=True)
class Surgical(Strategy):
    """Surgical fine-tuning: one block of layers learns, from the boundary on; what lies above it is frozen too.

    The paper tunes a network whose classes stay the same, so it freezes the head as well. Here the classes are
    new, and the head learns with the block.

    Reference:
        Lee, Chen, Tajwar, Kumar, Yao, Liang and Finn (2023), Surgical fine-tuning improves adaptation to
        distribution shifts, ICLR, §2. arXiv:2210.11466.
    """

    width: int = knob(1, 1, 10_000, help="Layers in the block that learns.")

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase: the block at full rate, and the head.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        learns = range(boundary, min(boundary + self.width, depth))
        return [Phase(tuple(float(i in learns or i == depth) for i in range(depth + 1)), epochs)]
