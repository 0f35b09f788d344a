"""Layer by layer, from below."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary, single_phase


@dataclass(frozen=True)
class LayerByLayer(Strategy):
    """Layer by layer: one layer after another learns, from the boundary up, on what the finished ones below give.

    The head learns with each of them, where there are labels. With the term denoising and no labels it is the classical
    pre-training of deep networks, a stack of denoising autoencoders: each layer learns to give back its own input.
    Where there are fewer epochs than layers, neighbours learn together; each phase restarts the schedule, and the first
    ones get the epochs that are left over.

    It helps where all layers at once learn badly, as deep networks did before normalisation and residual connections;
    today it mostly shows what each layer can learn by itself. A layer that is done is not mended by what comes above.

    Reference:
        Bengio, Lamblin, Popovici and Larochelle (2006), Greedy layer-wise training of deep networks, NeurIPS, §2–3.
        Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), Stacked denoising autoencoders, JMLR 11, §3.5.
    """

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase for each layer or few neighbours, from the boundary up.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.
        """
        check_boundary(depth, boundary)
        steps = min(depth - boundary, epochs)
        if not steps:
            return [single_phase(depth, boundary, epochs)]
        edges = [boundary + i * (depth - boundary) // steps for i in range(steps + 1)]
        found = []
        for i, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
            scale = tuple(float(low <= layer < high or layer == depth) for layer in range(depth + 1))
            found.append(Phase(scale, epochs // steps + (i < epochs % steps), restarts=True))
        return found
