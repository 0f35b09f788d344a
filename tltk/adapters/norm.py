"""Only normalisations learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.adapter import Adapter

if TYPE_CHECKING:
    from tltk.nn.net import Net


@dataclass(frozen=True)
class Norm(Adapter):
    """Norm tuning: of a learning layer only scale and offset of its normalisations learn.

    Reference:
        Frankle, Schwab and Morcos (2021), Training BatchNorm and only BatchNorm: on the expressive power of random
        features in CNNs, ICLR, §3. arXiv:2003.00152.
    """

    def learns(self, net: Net, name: str) -> bool:
        """Whether it belongs to a normalisation."""
        from tltk.nn.freeze import is_norm

        return is_norm(net.get_submodule(name.rpartition(".")[0]))
