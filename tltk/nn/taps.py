"""Taps: pooled features of every layer in one forward pass, and of what enters the head.

A hook at the end of each layer pools its output to a row per picture, so what is kept is small. A
`Taps` serves the bank as a `Cut` does: its prefix is the whole backbone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from tltk.errors import CannotSplit, UnknownName
from tltk.nn.cut import Activations, evaluation_mode
from tltk.nn.net import Net
from tltk.nn.text import pad_tokens, spread_evenly
from tltk.specs.parts import POOLINGS

Pool = Callable[[Tensor, Sequence[int]], Tensor]  # a layer's output and the pictures' shape → a row for each
PROJECTED = 512  # buckets of the projection


def own_modules(net: Net) -> list[tuple[str, int]]:
    """The largest modules that run and lie within one layer, with that layer; a list of modules does not run."""
    found: list[tuple[str, int]] = []

    def visit(name: str, module: nn.Module) -> None:
        layers = {net.layer_of[f"backbone.{name}.{p}"] for p, _ in module.named_parameters()} if name else set()
        if len(layers) == 1 and name in net.ran:
            found.append((name, layers.pop()))
            return
        for child, inner in module.named_children():
            visit(f"{name}.{child}" if name else child, inner)

    visit("", net.backbone)
    return found


def layer_ends(net: Net, x: Tensor) -> list[str]:
    """The module whose output is each layer's: the last to end of its own that are fed x; "" where it has none.

    A table of positions that a module makes from no input, for instance, says nothing of a picture.

    Args:
        net: The network.
        x: (n, c, h, w), normalised, n at least 2.
    """
    own, fed = own_modules(net), set[str]()

    def hook(name: str) -> Callable[..., None]:
        def note(_module: nn.Module, args: Any, kwargs: Any) -> None:
            if any(isinstance(t, Tensor) and t.ndim > 1 and not len(t) % len(x) for t in tree_leaves((args, kwargs))):
                fed.add(name)

        return note

    modules = [(n, net.backbone.get_submodule(n)) for n, _ in own]
    hooks = [m.register_forward_pre_hook(hook(n), with_kwargs=True) for n, m in modules]
    try:
        with evaluation_mode(net), torch.no_grad():
            net.backbone(x)
    finally:
        for handle in hooks:
            handle.remove()
    last = [""] * net.depth
    for name, layer in sorted((m for m in own if m[0] in fed), key=lambda m: net.ran[m[0]][1]):
        last[layer] = name
    return last


class Taps:
    """Pooled features of all layers.

    Args:
        net: The network.
        pooling: avg or max over places (or tokens), or project: all numbers of the layer's output
            hashed with signs into 512 buckets, which keeps inner products in expectation (Weinberger
            et al. (2009), Feature hashing for large scale multitask learning, ICML, eq. 1–2).

    Attributes:
        names: The layers, then "features", what enters the head.
        numbers: How many numbers per picture are kept.

    Raises:
        UnknownName: No such pooling.
        CannotSplit: A layer does not give one row per picture.
    """

    def __init__(self, net: Net, pooling: str = "avg") -> None:
        if pooling not in POOLINGS:
            raise UnknownName.among("pooling", pooling, POOLINGS)
        self.net, self.boundary, self.kind = net, net.depth, f"taps:{pooling}"
        self.names = (*net.names[:-1], "features")
        pools: dict[str, Pool] = {"avg": _mean, "max": _max, "project": lambda x, _: _project(x)}
        self._pool = pools[pooling]
        self._filled = -math.inf if pooling == "max" else 0.0  # where a text has no token
        probe = net.sample(2)
        self._ends = layer_ends(net, probe)
        self.numbers = sum(t.shape[1] for t in self.prefix(probe))

    @torch.no_grad()
    def prefix(self, x: Tensor) -> Activations:
        """Normalised pictures (n, c, h, w) → (n, d) for each layer and for what enters the head.

        Args:
            x: (n, c, h, w), normalised.
        """
        taken: dict[str, Tensor] = {}
        masks: list[Tensor] = []  # of texts, which tokens are there

        def hook(name: str) -> Callable[..., None]:
            def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
                taken[name] = self._pool(self._there(_tensor(output, name, len(x)), masks), x.shape)

            return note

        def mask(_module: nn.Module, _inputs: Any, output: Any) -> None:
            masks.append(output[1])

        hooks = [self.net.backbone.get_submodule(n).register_forward_hook(hook(n)) for n in self._ends if n]
        if self.net.tokens is not None:
            hooks.append(self.net.tokens.register_forward_hook(mask))
        try:
            with evaluation_mode(self.net):
                features = self.net.pool(self.net.backbone(x))
        finally:
            for handle in hooks:
                handle.remove()
        found: list[Tensor] = []
        for name in self._ends:
            # A layer without a module of its own, of parameters alone, shows what the layer before it shows.
            found.append(taken[name] if name in taken else found[-1] if found else self._pool(x, x.shape))
        return (*found, features)

    def _there(self, output: Tensor, masks: list[Tensor]) -> Tensor:
        """A layer's output; of texts so that pooling over all places is pooling over the tokens that are there."""
        if not masks or output.ndim < 3 or output.shape[:2] != masks[-1].shape:
            return output
        if self._filled:
            return output.float().masked_fill(masks[-1][..., None] == 0, self._filled)
        if self.kind != "taps:avg":  # hashed: of one length, whatever the batch
            assert self.net.tokens is not None
            return pad_tokens(output * masks[-1][..., None].to(output.dtype), 1, self.net.tokens.longest)
        return spread_evenly(output.float(), masks[-1])


class LayerOutputs:
    """Whole outputs of layers, with their gradient, of a batch that passes through a network.

    Args:
        net: The network; copies of it can be looked at too.
    """

    def __init__(self, net: Net) -> None:
        self._ends = layer_ends(net, net.sample(2))

    @contextmanager
    def collect(self, net: Net, lowest: int, n: int) -> Iterator[dict[int, Tensor]]:
        """Filled while the network runs: layer → its output, (n, …); layers without a module of their own are absent.

        Args:
            net: That network or a copy of it.
            lowest: Layers below it are not looked at.
            n: Examples of the batch.
        """
        found: dict[int, Tensor] = {}
        masks: list[Tensor] = []  # of texts, which tokens are there

        def hook(layer: int, name: str) -> Callable[..., None]:
            def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
                one = _tensor(output, name, n)
                texts = masks and one.ndim > 2 and one.shape[:2] == masks[-1].shape
                found[layer] = spread_evenly(one, masks[-1]) if texts else one

            return note

        def mask(_module: nn.Module, _inputs: Any, output: Any) -> None:
            masks.append(output[1])

        ends = [(layer, name) for layer, name in enumerate(self._ends) if name and layer >= lowest]
        hooks = [net.backbone.get_submodule(name).register_forward_hook(hook(layer, name)) for layer, name in ends]
        if net.tokens is not None:
            hooks.append(net.tokens.register_forward_hook(mask))
        try:
            yield found
        finally:
            for handle in hooks:
                handle.remove()


def _tensor(output: Any, name: str, n: int) -> Tensor:
    """The first tensor of a module's output, its first axis the pictures."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    if isinstance(output, dict):
        output = next(iter(output.values()))
    if not isinstance(output, Tensor) or output.ndim < 2 or len(output) % n:
        raise CannotSplit(f"A layer must give a row per picture to be looked at. {name} does not.")
    return output if len(output) == n else output.reshape(n, -1, *output.shape[1:]).flatten(1, 2)


def places(x: Tensor, picture: Sequence[int]) -> tuple[int, ...]:
    """The axes that are places: those of a map (channels first or last), or of tokens.

    Which of the two a map is its proportions tell: rows and columns lie as those of the picture do.

    Args:
        x: A layer's output, (n, c, h, w), (n, h, w, c), (n, tokens, c) or (n, c).
        picture: Shape of what the network reads, of which height and width are the last.
    """
    if x.ndim == 4:
        wanted = math.log(picture[-2] / picture[-1])
        first, last = (abs(math.log(x.shape[i] / x.shape[i + 1]) - wanted) for i in (2, 1))
        return (1, 2) if last < first else (2, 3)
    return tuple(range(1, x.ndim - 1))


def _mean(x: Tensor, picture: Sequence[int]) -> Tensor:
    return x.float().mean(places(x, picture)) if x.ndim > 2 else x.float()


def _max(x: Tensor, picture: Sequence[int]) -> Tensor:
    return x.float().amax(places(x, picture)) if x.ndim > 2 else x.float()


def _project(x: Tensor) -> Tensor:
    flat = x.float().flatten(1)
    if flat.shape[1] <= PROJECTED:
        return flat
    generator = torch.Generator().manual_seed(flat.shape[1])
    bucket = torch.randint(PROJECTED, (flat.shape[1],), generator=generator).to(flat.device)
    sign = (torch.randint(2, (flat.shape[1],), generator=generator) * 2 - 1).to(flat.device, flat.dtype)
    return flat.new_zeros(len(flat), PROJECTED).index_add_(1, bucket, flat * sign)
