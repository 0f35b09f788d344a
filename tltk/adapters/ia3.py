"""(IA)³: learned scales of activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.adapters.adapter import Adapter

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tltk.nn.net import Net

# Names of timm's that give keys or values; a fused map of queries, keys and values is one of them.
ATTENTION = ("qkv", "kv", "k", "v", "key", "value", "k_proj", "v_proj")


@dataclass(frozen=True)
class Ia3(Adapter):
    """(IA)³: keys, values and the hidden units of MLPs are scaled by learned numbers; all else is frozen.

    k' = l_k ⊙ W_k x, v' = l_v ⊙ W_v x, and W₂ (l_ff ⊙ γ(W₁ x)) for an MLP. Every l begins at 1.

    A pre-trained network has many features of which a new task needs some; here it learns only how loud each of them
    is. That is a few hundred numbers for each layer, fewer than any other adapter with an effect on all of it, so it
    suits a handful of pictures and overfits little; a target that needs features that are not there yet is out of
    its reach. What was written for transformers is carried over so: a fused query, key and value is scaled whole (a
    query's scale can do what a key's can, no more); in a layer that has neither attention nor MLP, such as a residual
    block, every convolution and linear map reads its inputs scaled, like W₂ above. Outputs would not do, since the
    batch normalisation behind a convolution undoes any scale, and for that reason depthwise convolutions are left
    alone. In the end each l is multiplied into the weights.

    Reference:
        Liu, Tam, Muqeeth, Mohta, Huang, Bansal and Raffel (2022), Few-shot parameter-efficient fine-tuning is better
        and cheaper than in-context learning, NeurIPS, §3.3. arXiv:2205.05638.
    """

    def adapt(self, net: Net, lowest: int) -> None:
        """A scale for each site of a layer that may learn."""
        from tltk.nn.adapted import adapt_module, is_depthwise, weighted_modules

        found = [(name, module) for name, module in weighted_modules(net, lowest) if not is_depthwise(module)]
        named = {net.layer_of[f"{name}.weight"] for name, _ in found if _is_attention(name) or _is_hidden(name)}
        for name, module in found:
            if _is_attention(name):
                n = module.weight.shape[0]
                adapt_module(net, name, {"ia3": module.weight.new_ones(n)}, {"weight": _outputs, "bias": _outputs})
            elif _is_hidden(name) or net.layer_of[f"{name}.weight"] not in named:
                n = module.weight.shape[1] * _groups(module)
                adapt_module(net, name, {"ia3": module.weight.new_ones(n)}, {"weight": _inputs})

    def merge(self, net: Net) -> None:
        """The scales are multiplied into weights and biases."""
        from tltk.nn.adapted import merge_modules

        merge_modules(net)

    def learns(self, net: Net, name: str) -> bool:
        """Whether it is a scale."""
        return name.endswith(".ia3")


def _groups(module: nn.Module) -> int:
    """Of a convolution; a linear map has one."""
    return int(getattr(module, "groups", 1))


def _is_attention(name: str) -> bool:
    """Whether a module gives keys or values."""
    return name.rpartition(".")[2] in ATTENTION


def _is_hidden(name: str) -> bool:
    """Whether a module reads the hidden units of an MLP."""
    around, _, own = name.rpartition(".")
    parent = around.rpartition(".")[2]
    return own == "fc2" and ("mlp" in parent or "ffn" in parent)


def _outputs(tensor: Tensor, added: Mapping[str, Tensor]) -> Tensor:
    """Each output of a weight (m, …) or bias (m,) scaled."""
    return tensor * added["ia3"].reshape(-1, *(1,) * (tensor.ndim - 1))


def _inputs(weight: Tensor, added: Mapping[str, Tensor]) -> Tensor:
    """Each input of a weight (m, n/groups, …) scaled, those of each group by its own part of the n numbers."""
    by_group = added["ia3"].reshape(-1, weight.shape[1])
    scale = by_group.repeat_interleave(len(weight) // len(by_group), dim=0)
    return weight * scale.reshape(*scale.shape, *(1,) * (weight.ndim - 2))
