"""Linear probe, then fine-tune."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary, single_phase


@dataclass(frozen=True)
class LpFt(Strategy):
    """LP-FT: first the head alone, then everything from the boundary on; a good head spares the features distortion.

    The schedule starts over with the second phase.

    Reference:
        Kumar, Raghunathan, Jones, Ma and Liang (2022), Fine-tuning can distort pretrained features
        and underperform out-of-distribution, ICLR, §3.4. arXiv:2202.10054.
    """

    probe: float = knob(0.5, 0.05, 0.95, help="Share of the epochs for the linear probe.")
    rate: float = knob(0.3, 0.001, 1.0, help="Rate of the fine-tuning as a share of the probe's.", log=True)

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """A phase for the head, then one from the boundary on.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        if boundary == depth or epochs == 1:
            return [single_phase(depth, depth if boundary == depth else boundary, epochs)]
        first = min(max(round(self.probe * epochs), 1), epochs - 1)
        return [
            single_phase(depth, depth, first),
            single_phase(depth, boundary, epochs - first, self.rate, restarts=True),
        ]
