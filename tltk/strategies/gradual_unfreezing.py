"""Gradual unfreezing."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary, single_phase


@dataclass(frozen=True)
class GradualUnfreezing(Strategy):
    """Gradual unfreezing: the head is trained first, then one layer after another joins, from the top.

    Where there are fewer epochs than steps, more layers join at a time. The last phase, with
    everything from the boundary on, gets the epochs that are left. Several layers at a time are the
    stages of a deep network: one by one, most of the epochs would go by before its lower half learns.

    Reference:
        Howard and Ruder (2018), Universal language model fine-tuning for text classification, ACL,
        §3.3. arXiv:1801.06146.
    """

    every: int = knob(1, 1, 1000, help="Epochs before the next layer joins.")
    layers: int = knob(1, 1, 1000, help="Layers that join at a time.")

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase per step down, from the head to the boundary.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        wanted = -(-(depth - boundary) // self.layers)
        steps = min(wanted, (epochs - 1) // self.every)
        if not steps:
            return [single_phase(depth, boundary, epochs)]
        found = []
        for i in range(steps):
            # From the head down, in even steps where the epochs are few; the last phase reaches the boundary.
            joined = i * self.layers if steps == wanted else i * (depth - boundary) // steps
            found.append(single_phase(depth, depth - joined, self.every))
        return [*found, single_phase(depth, boundary, epochs - self.every * steps)]
