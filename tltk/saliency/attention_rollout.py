"""Attention rollout: which patches a transformer's features are mixed from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tltk.errors import CannotSplit
from tltk.nn.cut import evaluation_mode
from tltk.nn.decoder import grid as token_grid
from tltk.nn.net import Net


def roll_out(attentions: Sequence[Tensor]) -> Tensor:
    """Ã_L ⋯ Ã₂ Ã₁, Ã_l = (Ā_l + I) / 2: how much of each token enters each token after the last layer.

    Ā_l is the mean of the layer's heads; the identity stands for the residual connection.

    Reference:
        Abnar & Zuidema (2020), Quantifying attention flow in transformers, ACL, §3, eq. 1, arXiv:2005.00928.

    Args:
        attentions: Of each layer, first to last, (n, heads, tokens, tokens), each row with the sum 1.

    Returns:
        (n, tokens, tokens), each row with the sum 1.
    """
    rolled: Tensor | None = None
    for attention in attentions:
        mixed = attention.mean(1) + torch.eye(attention.shape[-1], dtype=attention.dtype, device=attention.device)
        mixed = mixed / mixed.sum(-1, keepdim=True)
        rolled = mixed if rolled is None else mixed @ rolled
    assert rolled is not None
    return rolled


def attention_rollout(net: Net, x: Tensor, layer: int) -> Tensor:
    """How much of each patch enters the features, by the attention of the layers up to one; of no class in particular.

    It shows what is looked at, not what it says, and knows neither values nor the layers between.

    Reference:
        Abnar & Zuidema (2020), Quantifying attention flow in transformers, ACL, §3, arXiv:2005.00928.

    Args:
        net: The network: a transformer whose tokens stay the same from layer to layer.
        x: Normalised pictures, (n, c, h, w).
        layer: The last one that counts.

    Returns:
        (n, rows, columns), float32, on the CPU.

    Raises:
        CannotSplit: It is no such network, or has no attention up to this layer.
    """
    with evaluation_mode(net), torch.no_grad(), _recorded(net) as found:
        net(x)
    tokens = {a.shape[-1] for _, a in found if a.ndim == 4 and len(a) == len(x)}
    if len(found) != len(_modules(net)) or len(tokens) != 1 or any(a.ndim != 4 or len(a) != len(x) for _, a in found):
        raise _no_rollout("its layers do not attend to the same tokens of a whole picture")
    prefix, grid = _tokens(net, tokens.pop())
    counted = [attention.float() for at, attention in found if at <= layer]
    if not counted:
        raise CannotSplit(f"Attention rollout needs a layer with attention. There is none up to {net.names[layer]}.")
    rolled = roll_out(counted)
    pooling = getattr(net.backbone, "global_pool", "")
    rows = rolled[:, 0] if pooling == "token" and prefix else rolled[:, prefix:].mean(1)
    return rows[:, prefix:].reshape(len(x), *grid).cpu()


def has_rollout(net: Net) -> bool:
    """Whether the network is a transformer that `attention_rollout` can read."""
    if not _modules(net):
        return False
    try:
        attention_rollout(net, net.sample(2), net.depth)
    except CannotSplit:
        return False
    return True


def _no_rollout(why: str) -> CannotSplit:
    return CannotSplit(
        f"Attention rollout needs a plain vision transformer. This network is none: {why}; take grad_cam."
    )


def _modules(net: Net) -> list[tuple[int, nn.Module]]:
    """The modules of timm's that compute softmax attention, with their layers."""
    return [
        (net.layer_of[f"backbone.{name}.{next(iter(dict(module.named_parameters())))}"], module)
        for name, module in net.backbone.named_modules()
        if hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module)
    ]


@contextmanager
def _recorded(net: Net) -> Iterator[list[tuple[int, Tensor]]]:
    """Layer and attention of each call, in the order in which they run; fused kernels, which keep none, are off."""
    found: list[tuple[int, Tensor]] = []

    def hook(layer: int) -> Callable[..., None]:
        def note(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            found.append((layer, output.detach()))

        return note

    modules: list[tuple[int, Any]] = _modules(net)
    before = [module.fused_attn for _, module in modules]
    hooks = [module.attn_drop.register_forward_hook(hook(layer)) for layer, module in modules]
    try:
        for _, module in modules:
            module.fused_attn = False
        yield found
    finally:
        for handle in hooks:
            handle.remove()
        for (_, module), fused in zip(modules, before, strict=True):
            module.fused_attn = fused


def _tokens(net: Net, tokens: int) -> tuple[int, tuple[int, int]]:
    """How many tokens are of no patch, and the rows and columns of the patches.

    Raises:
        CannotSplit: The others are no such grid.
    """
    prefix = getattr(net.backbone, "num_prefix_tokens", None)
    grid = getattr(getattr(net.backbone, "patch_embed", None), "grid_size", None)
    if prefix is None or grid is None:
        raise _no_rollout("its tokens are not the patches of a picture")
    rows, columns = (int(side) for side in grid)
    if rows * columns != tokens - prefix:  # where sizes are free, the grid is that of these pictures
        _, height, width = net.shape
        rows, columns = token_grid(tokens - prefix, (height, width))
    if rows * columns != tokens - prefix or rows * columns < 2:
        raise _no_rollout(f"{tokens - prefix} tokens are no grid of patches")
    return prefix, (rows, columns)
