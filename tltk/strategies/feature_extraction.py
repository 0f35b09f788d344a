"""Feature extraction."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary, single_phase


@dataclass(frozen=True)
class FeatureExtraction(Strategy):
    """Feature extraction: the whole backbone is frozen and only the head is trained, whatever the boundary.

    Reference:
        Donahue, Jia, Vinyals et al. (2014), DeCAF: a deep convolutional activation feature for
        generic visual recognition, ICML, §3. arXiv:1310.1531.
    """

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase with the boundary at the head.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        return [single_phase(depth, depth, epochs)]
