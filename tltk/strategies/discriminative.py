"""Discriminative rates."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary


@dataclass(frozen=True)
class Discriminative(Strategy):
    """Discriminative rates: each layer is trained at a lower rate than the one above it.

    lr_l = lr · decay^(depth − l), the head (l = depth) at the full rate.

    Reference:
        Howard and Ruder (2018), Universal language model fine-tuning for text classification, ACL,
        §3.2 (there η^(l−1) = η^l / 2.6, that is decay = 0.385). arXiv:1801.06146.
    """

    decay: float = knob(0.7, 0.05, 1.0, help="Rate of a layer as a share of the rate of the layer above it.")

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase with a geometric scale.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        scale = tuple(self.decay ** (depth - i) if i >= boundary else 0.0 for i in range(depth + 1))
        return [Phase(scale, epochs)]
