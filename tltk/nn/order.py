"""From the parameters of any timm model to its layers, in the order in which they run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from timm.models import group_parameters
from torch import Tensor, nn


def execution_order(model: nn.Module, sample: Tensor) -> dict[str, tuple[int, int]]:
    """When each module began its first and ended its last call in one forward pass.

    Args:
        model: Run once, without gradients.
        sample: A batch as the model reads it.

    Returns:
        Module name → (begin, end) on one clock that ticks at each event; modules that did not run
        are absent.
    """
    clock = 0
    begin: dict[str, int] = {}
    end: dict[str, int] = {}
    hooks = []

    def note(book: dict[str, int], name: str, again: bool) -> None:
        nonlocal clock
        clock += 1
        if again or name not in book:
            book[name] = clock

    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_, n=name: note(begin, n, again=False)))
        hooks.append(module.register_forward_hook(lambda *_, n=name: note(end, n, again=True)))
    try:
        with torch.no_grad():
            model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (begin[name], end[name]) for name in end}


def ordered_layers(model: nn.Module, ran: dict[str, tuple[int, int]]) -> list[list[str]]:
    """The model's parameter names, grouped into layers from the input to the output.

    timm's own `group_matcher` where the model has one; else blocks in order of execution.
    """
    names = [name for name, _ in model.named_parameters()]
    if hasattr(model, "group_matcher"):
        try:
            matcher: Any = model.group_matcher
            groups = group_parameters(model, matcher(coarse=False))
            layers = [groups[i] for i in sorted(groups)]
            if sorted(n for layer in layers for n in layer) == sorted(names) and len(layers) > 1:
                return layers
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # a matcher that does not fit its own model: take the order of execution
    return _by_execution(names, ran)


def _by_execution(names: Sequence[str], ran: dict[str, tuple[int, int]]) -> list[list[str]]:
    """Blocks (`stages.0.blocks.1`, `stem`) in the order in which their first module ran."""
    blocks: dict[str, list[str]] = {}
    for name in names:
        blocks.setdefault(_block(name), []).append(name)
    last = max((end for _, end in ran.values()), default=0)

    def first_run(block: str) -> int:
        times = [t for module, (t, _) in ran.items() if module == block or module.startswith(block + ".")]
        return min(times, default=last)

    return [blocks[b] for b in sorted(blocks, key=first_run)]


def _block(parameter: str) -> str:
    """`stages.0.blocks.1.mlp.fc1.weight` → `stages.0.blocks.1`; `stem.conv.weight` → `stem`."""
    parts = parameter.split(".")[:-1]
    numbers = [i for i, part in enumerate(parts) if part.isdigit()][:2]
    return ".".join(parts[: numbers[-1] + 1]) if numbers else ".".join(parts[:1])


def layer_name(parameters: Iterable[str], index: int) -> str:
    """A short name for a layer: the path that its parameters share, or `stem` for a mixed first."""
    split = [p.split(".")[:-1] or [p] for p in parameters]
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    if shared:
        return ".".join(shared)
    if index == 0:
        return "stem"
    # A block with a norm or a pooling head behind it: named after the block, its larger part.
    blocks = [_block(".".join([*parts, "x"])) for parts in split]
    return re.sub(r"\.$", "", max(set(blocks), key=blocks.count))
