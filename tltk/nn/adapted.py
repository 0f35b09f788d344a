"""Modules whose weights are computed from themselves and a few added parameters: what low-rank adapters stand on.

Such a module stays the same object, with the same tensors under the same names, and gets a class of its own in which
`weight` is a property. So its forward, whatever timm's is (standardised weights, padding as in TensorFlow, a weight
that an attention block reads by itself), runs on the computed weight; what goes by names or by modules (the order of
layers, the cut, the audit, weight decay, files) does not notice; and what is merged in the end is the very tensor that
was used, so that the outputs stay as they are. `torch.nn.utils.parametrize` computes alike, but renames the tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tltk.nn.net import Net

Compute = Callable[
    [Tensor, Mapping[str, Tensor]], Tensor
]  # a tensor of the module, what was added → what it stands for


@dataclass(frozen=True)
class _Recipe:
    """How an adapted module was made."""

    kind: type[nn.Module]  # what it was
    added: tuple[str, ...]
    computed: Mapping[str, Compute]


def weighted_modules(net: Net, lowest: int) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """Linear maps and convolutions of the backbone with a weight of their own, by name.

    Args:
        net: The network.
        lowest: Layers below it are left out.
    """
    owners = Counter(id(p) for module in net.modules() for p in module.parameters(recurse=False))
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            weight = module._parameters.get("weight")  # none where something else computes it already
            if weight is not None and owners[id(weight)] == 1 and lowest <= net.layer_of[f"{name}.weight"] < net.depth:
                yield name, module


def is_depthwise(module: nn.Module) -> bool:
    """Whether it is a convolution of each channel by itself."""
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


def adapt_module(net: Net, name: str, added: Mapping[str, Tensor], computed: Mapping[str, Compute]) -> None:
    """Add parameters to a module, from which some of its tensors are computed from now on.

    Args:
        net: The network; what is added is indexed in the layer of the module's weight.
        name: Of the module.
        added: First values of the new parameters, by name.
        computed: "weight", "bias" → what is used in its place; it must be equal at the first values.
    """
    module = net.get_submodule(name)
    names = [alias for alias, one in net.named_modules(remove_duplicate=False) if one is module]
    kind: Any = type(module)
    for key, tensor in added.items():
        module.register_parameter(key, nn.Parameter(tensor))
        net.layer_of |= {f"{alias}.{key}": net.layer_of[f"{alias}.weight"] for alias in names}
    # Under the same name, which is in the text of the network and so in the key of what is kept of it.
    module.__class__ = type(kind.__name__, (kind,), {tensor: _property(tensor) for tensor in computed})
    module.__dict__["recipe"] = _Recipe(kind, tuple(added), dict(computed))


def _property(name: str) -> property:
    """The computed tensor in place of the module's own."""

    def value(module: nn.Module) -> Tensor | None:
        own = module._parameters[name]
        if own is None:
            return None
        recipe: _Recipe = module.__dict__["recipe"]
        added = {key: p for key in recipe.added if (p := module._parameters[key]) is not None}
        # In full precision, as it will be merged.
        with torch.autocast(own.device.type, enabled=False):
            return recipe.computed[name](own, added)

    return property(value)


def _recipes(net: Net) -> list[tuple[str, nn.Module, _Recipe]]:
    """The adapted modules under all their names."""
    modules = net.named_modules(remove_duplicate=False)
    return [(name, module, module.__dict__["recipe"]) for name, module in modules if "recipe" in module.__dict__]


@torch.no_grad()
def computed_tensors(net: Net) -> tuple[dict[str, Tensor], set[str]]:
    """What is used in place of tensors of adapted modules, by their names; and the names of what was added."""
    found: dict[str, Tensor] = {}
    added: set[str] = set()
    for name, module, recipe in _recipes(net):
        found |= {f"{name}.{t}": getattr(module, t) for t in recipe.computed if module._parameters[t] is not None}
        added |= {f"{name}.{key}" for key in recipe.added}
    return found, added


def plain_tensors(net: Net, below: int) -> dict[str, Tensor]:
    """As `net.tensors`, but of the plain network that computes the same.

    Args:
        net: With or without adapted modules.
        below: Layers 0 … below − 1 are looked at.
    """
    computed, added = computed_tensors(net)
    return {name: computed.get(name, t) for name, t in net.tensors(below).items() if name not in added}


@torch.no_grad()
def merge_modules(net: Net) -> None:
    """Make every adapted module what it was, the computed tensors in place of its own; outputs stay as they are."""
    computed, added = computed_tensors(net)
    for name, module, recipe in _recipes(net):
        if "recipe" not in module.__dict__:
            continue  # done, under another name
        for tensor in recipe.computed:
            if (own := module._parameters[tensor]) is not None:
                own.copy_(computed[f"{name}.{tensor}"])
        for key in recipe.added:
            del module._parameters[key]
        module.__class__ = recipe.kind
        del module.__dict__["recipe"]
    for name in added:
        del net.layer_of[name]
