"""Surgical fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary


@dataclass(frozen=True)
class Surgical(Strategy):
    """Surgical fine-tuning: one block of layers learns, from the boundary on; what lies above it is frozen too.

    The paper tunes a network whose classes stay the same, and freezes its head with the rest: `head=False`, with the
    weights' own classifier kept (`net.keep_head`). A new head has to learn, and does so with the block.

    Reference:
        Lee, Chen, Tajwar, Kumar, Yao, Liang and Finn (2023), Surgical fine-tuning improves adaptation to
        distribution shifts, ICLR, §2. arXiv:2210.11466.
    """

    width: int = knob(1, 1, 10_000, help="Layers in the block that learns.")
    head: bool = knob(True, help="Whether the head learns too; a frozen one must come with the weights.")

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase: the block at full rate, and the head unless it is frozen.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.

        Raises:
            BadSpec: Nothing would learn.
        """
        check_boundary(depth, boundary)
        learns = {*range(boundary, min(boundary + self.width, depth)), *([depth] if self.head else [])}
        if not learns:
            raise BadSpec(
                f"Something must learn. The block begins at {boundary}, above all {depth} layers, and the head is "
                f"frozen; lower the boundary, or let the head learn."
            )
        return [Phase(tuple(float(i in learns) for i in range(depth + 1)), epochs)]
