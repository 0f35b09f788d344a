"""DoRA: low-rank updates of directions, and a learned length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.lora import Lora

if TYPE_CHECKING:
    from torch import Tensor

    from tltk.nn.net import Net

SMALLEST = 1e-12  # length of weights that are all zero


@dataclass(frozen=True)
class Dora(Lora):
    """DoRA: as LoRA, but a weight's length is learned apart from its direction.

    W' = m · V / ‖V‖, V = W + α/r · B A, where the norm is taken of the weights of each output, and m begins as ‖W‖.
    In the gradient ‖V‖ is a constant (§4.3 of the paper).

    Full fine-tuning often turns weights much and stretches them little, or the other way round; LoRA can only do both
    in proportion. With a length of its own each output can do either, which is nearer to full fine-tuning at a low
    rank, for one more number for each output. It helps most where LoRA's rank is small; each step costs more than
    LoRA's, and where the rank is no limit there is nothing to gain. Like LoRA's, the result is merged in the end.

    Reference:
        Liu, Wang, Yin, Molchanov, Wang, Cheng and Chen (2024), DoRA: weight-decomposed low-rank adaptation, ICML,
        §4.1, Eq. 5, and §4.3, Eq. 11. arXiv:2402.09353.
    """

    def _added(self, weight: Tensor) -> dict[str, Tensor]:
        """A, B and m."""
        return {**super()._added(weight), "magnitude": weight.norm(dim=1).clamp(min=SMALLEST)}

    def _weight(self, weight: Tensor, added: Mapping[str, Tensor]) -> Tensor:
        """m · V / ‖V‖."""
        direction = super()._weight(weight, added)
        # The quotient first: it is exactly 1 as long as nothing has been learned.
        share: Tensor = added["magnitude"] / direction.detach().flatten(1).norm(dim=1).clamp(min=SMALLEST)
        scaled: Tensor = direction * share.reshape(-1, *(1,) * (weight.ndim - 1))
        return scaled

    def learns(self, net: Net, name: str) -> bool:
        """Whether it is A, B or m."""
        return super().learns(net, name) or name.endswith(".magnitude")
