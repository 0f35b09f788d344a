"""Only biases learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.adapter import Adapter

if TYPE_CHECKING:
    from tltk.nn.net import Net


@dataclass(frozen=True)
class Bias(Adapter):
    """BitFit: of a learning layer only the biases learn, those of its normalisations among them.

    Reference:
        Ben Zaken, Ravfogel and Goldberg (2022), BitFit: simple parameter-efficient fine-tuning for
        transformer-based masked language-models, ACL, §3. arXiv:2106.10199.
    """

    def learns(self, net: Net, name: str) -> bool:
        """Whether it is a bias."""
        return name.rpartition(".")[2] in ("bias", "q_bias", "v_bias", "beta")
