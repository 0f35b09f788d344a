"""Chain-thaw."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary, single_phase


@dataclass(frozen=True)
class ChainThaw(Strategy):
    """Chain-thaw: the head learns first, then each layer alone from the boundary up, at last all of them together.

    The schedule begins again with each step. Where there are fewer epochs than steps, neighbouring layers learn
    together.

    Reference:
        Felbo, Mislove, Søgaard, Rahwan and Lehmann (2017), Using millions of emoji occurrences to learn any-domain
        representations for detecting sentiment, emotion and sarcasm, EMNLP, §3.2. arXiv:1708.00524.
    """

    every: int = knob(1, 1, 1000, help="Epochs of each step but the last.")

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """A phase for the head, one for each layer (or few neighbours), then one for all from the boundary on.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        steps = min(depth - boundary, (epochs - 1) // self.every - 1)
        if steps < 1:
            return [single_phase(depth, boundary, epochs)]
        found = [single_phase(depth, depth, self.every)]
        edges = [boundary + i * (depth - boundary) // steps for i in range(steps + 1)]
        for low, high in zip(edges, edges[1:], strict=False):
            found.append(Phase(tuple(float(low <= i < high) for i in range(depth + 1)), self.every, restarts=True))
        return [*found, single_phase(depth, boundary, epochs - self.every * (steps + 1), restarts=True)]
