"""Fine-tuning from a boundary."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.strategies.strategy import Strategy


@dataclass(frozen=True)
class FineTune(Strategy):
    """Fine-tuning: all layers from the boundary upwards are trained at one rate.

    Reference:
        Yosinski, Clune, Bengio and Lipson (2014), How transferable are features in deep neural
        networks?, NeurIPS, §2 (the networks AnB⁺). arXiv:1411.1792.
    """
