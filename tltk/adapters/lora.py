"""LoRA: low-rank updates of frozen weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.adapter import Adapter
from tltk.specs.knobs import knob

if TYPE_CHECKING:
    from torch import Tensor

    from tltk.nn.net import Net


@dataclass(frozen=True)
class Lora(Adapter):
    """LoRA: each weight of a learning layer stays frozen and gets a learned update of low rank.

    h = (W + α/r · B A) x, with W (m, n) frozen, A (r, n) drawn from N(0, 1/n), and B (m, r) = 0, so that training
    begins at the transferred network. A filter of a convolution, (m, n/groups, h, w), is read as a matrix of m rows.

    A new task often needs a change of the weights that is simple, though they are many: a few directions in and out
    of each layer. LoRA learns those directions alone, r (m + n) numbers instead of m n, and so forgets and overfits
    less than full fine-tuning with few pictures, and leaves something to learn where a bias or a scale would be too
    little. It helps least where the target is far from the source and pictures are plenty: then the rank is a limit.
    Its best rate is several times that of full fine-tuning. Here every linear map and convolution gets one, in a
    transformer also the fused query, key and value; the paper adapts two of the attention's. Depthwise convolutions are
    left alone: with one filter of a few numbers for each channel, A and B would be as large as what they change. In
    the end B A is added to the weights, so what is kept and exported is a plain network. The product is formed before
    it is applied, so a step computes about as much as full fine-tuning; what shrinks is what the optimiser holds.

    Reference:
        Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen (2022), LoRA: low-rank adaptation of large language
        models, ICLR, §4.1, Eq. 3. arXiv:2106.09685.
    """

    rank: int = knob(4, 1, 1024, help="r: rank of each update; a weight with fewer rows or columns has as many.")
    alpha: float = knob(4.0, 0.001, 4096.0, help="α: an update is scaled by α / r.", log=True)

    def adapt(self, net: Net, lowest: int) -> None:
        """A and B for each weight of a layer that may learn."""
        from tltk.nn.adapted import adapt_module, is_depthwise, weighted_modules

        for name, module in weighted_modules(net, lowest):
            if not is_depthwise(module):
                added = self._added(module.weight.detach().flatten(1))
                adapt_module(net, name, added, {"weight": self._weight})

    def _added(self, weight: Tensor) -> dict[str, Tensor]:
        """First values of what is learned for a weight (m, n)."""
        m, n = weight.shape
        rank = min(self.rank, m, n)
        return {"lora_a": weight.new_empty(rank, n).normal_(std=n**-0.5), "lora_b": weight.new_zeros(m, rank)}

    def _weight(self, weight: Tensor, added: Mapping[str, Tensor]) -> Tensor:
        """W + α/r · B A."""
        update = added["lora_b"] @ added["lora_a"] * (self.alpha / self.rank)
        return weight + update.reshape(weight.shape)

    def merge(self, net: Net) -> None:
        """The updates are added to the weights."""
        from tltk.nn.adapted import merge_modules

        merge_modules(net)

    def learns(self, net: Net, name: str) -> bool:
        """Whether it is A or B."""
        return name.rpartition(".")[2] in ("lora_a", "lora_b")
