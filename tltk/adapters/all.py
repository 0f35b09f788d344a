"""Every weight learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.adapter import Adapter

if TYPE_CHECKING:
    from tltk.nn.net import Net


@dataclass(frozen=True)
class All(Adapter):
    """Full fine-tuning: every weight of a learning layer learns.

    Reference:
        Yosinski, Clune, Bengio and Lipson (2014), How transferable are features in deep neural networks?, NeurIPS,
        §2. arXiv:1411.1792.
    """

    def learns(self, net: Net, name: str) -> bool:
        """All do."""
        return True
