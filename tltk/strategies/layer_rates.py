"""A rate for each layer, by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.strategies.phase import Phase
from tltk.strategies.strategy import Strategy, check_boundary


@dataclass(frozen=True)
class LayerRates(Strategy):
    """Rates by hand: each layer learns at the rate that is written down for it.

    θ_l ← θ_l − lr · rate_l · ∇_{θ_l} L, where the last rate is the head's, the one before it that of the layer below,
    and so on; layers further down learn at the first one. So "0.1, 1" is a tenth of the rate for the whole backbone.

    `discriminative` lowers the rate by the same share from layer to layer. By hand, what a profile has shown can be put
    in: low rates where the transferred features fit, high ones where they do not. With 0 a layer is frozen, above the
    boundary too; below the boundary all are frozen, whatever is written here. Each rate is one more choice that the
    validation pictures have to bear, so that few of them can tell many rates apart.

    Reference:
        Howard and Ruder (2018), Universal language model fine-tuning for text classification, ACL, §3.2, Eq. 2.
        arXiv:1801.06146.
    """

    rates: str = knob("0.1, 1", help="Shares of the learning rate, the head's last, separated by commas.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._numbers()

    def _numbers(self) -> list[float]:
        """The rates, from the lowest layer that is named up to the head.

        Raises:
            BadSpec: They are not two or more numbers from 0 to 1, or the head's is 0.
        """
        try:
            found = [float(part) for part in self.rates.split(",")]
        except ValueError:
            found = []
        if len(found) < 2 or not all(math.isfinite(rate) and 0 <= rate <= 1 for rate in found) or not found[-1]:
            raise BadSpec(
                f"LayerRates.rates must be two numbers or more from 0 to 1, separated by commas, the last of them the "
                f"head's, which learns. Got {self.rates!r}; for one rate take the strategy fine_tune."
            )
        return found

    def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
        """One phase with these rates.

        Args:
            depth: Layers of the backbone; the head is layer number `depth`.
            boundary: Lowest layer that learns, 0 … depth.
            epochs: In all, at least 1.

        Raises:
            BadSpec: There are more rates than layers.
        """
        check_boundary(depth, boundary)
        rates = self._numbers()
        if len(rates) > max(depth, 1) + 1:
            raise BadSpec(
                f"LayerRates.rates must be as many as this network's layers and its head at the most, {depth + 1}. Got "
                f"{len(rates)}; leave out the first {len(rates) - depth - 1}."
            )
        below = depth + 1 - len(rates)  # layers that are not named
        scale = ([rates[0]] * below + rates)[-(depth + 1) :]
        return [Phase(tuple(rate if i >= boundary else 0.0 for i, rate in enumerate(scale)), epochs)]
