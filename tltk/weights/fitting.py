"""How first weights were fitted to other pictures and classes than they were made for: the facts, and a sentence.

What changes the numbers stands in `tltk.weights.load`; here it is told by comparing shapes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from tltk.nn.net import Net, config_value, statistics
from tltk.results.training import Fitting
from tltk.specs.size import Size, channels_and_size, in_pixels, simplest


@dataclass(frozen=True)
class Given:
    """What weights were made for.

    Attributes:
        channels: Of the pictures that their first convolution reads; 0 = not told.
        size: Of the pictures that they learned from, in pixels; 0 = not told.
        grid: Rows and columns of their position table; empty = there is none.
        classes: Of their linear classifier; 0 = none came.
    """

    channels: int = 0
    size: Size = 0
    grid: tuple[int, ...] = ()
    classes: int = 0


def given_by_file(backbone: nn.Module, tensors: Mapping[str, Tensor], told: Mapping[str, str], classes: int) -> Given:
    """What the tensors of a file were made for.

    Args:
        backbone: Built for the pictures at hand.
        tensors: Body by timm's names, as they came.
        told: Words of the header.
        classes: Of the classifier that came with them; 0 = none.
    """
    first = tensors.get(f"{_first_layer(backbone)}.weight")
    channels = int(first.shape[1]) if first is not None and first.ndim == 4 else 0
    table, size = tensors.get("pos_embed"), told_size(told)
    has_grid = table is not None and table.ndim == 3 and hasattr(backbone, "patch_embed")
    grid = table_grid(backbone, table.shape[1], size) if table is not None and has_grid else ()
    return Given(channels, size, grid, classes)


def table_grid(backbone: Any, entries: int, size: Size) -> tuple[int, ...]:
    """Rows and columns that a table of positions was made for; empty where nothing tells them.

    Args:
        backbone: Of the same architecture, for pictures of any size.
        entries: Of the table, with those that are no places.
        size: Of the pictures that it learned from, in pixels; of a square or 0, which is not told, rows are as many as
            columns.
    """
    places = max(entries - prefix_tokens(backbone), 0)
    if isinstance(size, int):
        side = math.isqrt(places)
        return (side, side) if side and side * side == places else ()
    high, wide = (s // p for s, p in zip(size, backbone.patch_embed.patch_size, strict=True))
    if high * wide == places:
        return (high, wide)
    # Patches of a map that convolutions made first are counted in its pixels, not the picture's; its proportions stay.
    pairs = [(rows, places // rows) for rows in range(1, places + 1) if places % rows == 0]
    return min(pairs, key=lambda pair: abs(math.log(pair[0] * size[1] / (pair[1] * size[0]))), default=())


def told_size(told: Mapping[str, str]) -> Size:
    """The size of the pictures that weights learned from, by the words of their header; 0 = it is not told."""
    height, width = (int(word) if (word := told.get(name, "")).isdecimal() else 0 for name in ("size", "width"))
    return simplest((height, width)) if width else height


def given_by_hub(backbone: nn.Module) -> Given:
    """What timm's own weights were made for, by its config of them.

    Args:
        backbone: Built for the pictures at hand, with the config of its weights.
    """
    config: Any = getattr(backbone, "pretrained_cfg", None) or {}
    channels, *sides = config.get("input_size", (0, 0))
    patch = getattr(getattr(backbone, "patch_embed", None), "patch_size", None)
    grid = tuple(side // p for side, p in zip(sides, patch, strict=False)) if patch and _has_table(backbone) else ()
    return Given(channels, simplest((sides[0], sides[-1])), grid, config.get("num_classes", 0))


def prefix_tokens(backbone: Any) -> int:
    """Entries of a position table that are no places."""
    return 0 if getattr(backbone, "no_embed_class", False) else getattr(backbone, "num_prefix_tokens", 1)


def describe_fitting(net: Net, came: Given | None, classes: int) -> Fitting:
    """The facts and their sentence.

    Args:
        net: With its first weights.
        came: What they were made for; None = they are drawn.
        classes: Of the new classifier.
    """
    backbone, given = net.backbone, came or Given()
    (channels, size), first = channels_and_size(net.shape), _first_layer(backbone)
    made_for = given.channels
    rule = "drawn" if came is None else "kept"
    if made_for and made_for != channels:
        rule = "summed" if channels == 1 else "repeated"
    grid: tuple[int, ...] = ()
    if given.grid:
        patches: Any = backbone.patch_embed
        grid = tuple(patches.grid_size)
    resampled = grid != given.grid
    factor = made_for / channels if rule == "repeated" else 1.0
    mean, std = ([round(float(v), 6) for v in t.flatten()] for t in (net.mean, net.std))
    sentences = [_of_channels(rule, made_for, channels, first, factor)]
    if rule in ("summed", "repeated") and not _alike(backbone, made_for, mean, std):
        sentences.append(
            f"Normalisation is not the one that they learned with: it is by mean {_list(mean)} and deviation "
            f"{_list(std)} here."
        )
    if resampled:
        sentences.append(
            f"The position table was resampled, bicubic, from {given.grid[0]} × {given.grid[1]} to {grid[0]} × "
            f"{grid[1]} places."
        )
    if given.size and given.size != size:
        sentences.append(f"They learned from pictures of {in_pixels(given.size)}; these have {in_pixels(size)}.")
    sentences.append(_of_classes(given.classes, classes))
    return Fitting(
        sentence=" ".join(sentences),
        channels=channels,
        channels_made_for=made_for,
        first_layer=first,
        channel_rule=rule,
        channel_factor=factor,
        mean=mean,
        std=std,
        size=size,
        size_made_for=given.size,
        grid=list(grid) if resampled else [],
        grid_made_for=list(given.grid) if resampled else [],
        classes=classes,
        classes_made_for=given.classes,
    )


def _of_channels(rule: str, made_for: int, channels: int, first: str, factor: float) -> str:
    if rule == "drawn":
        return f"All weights are drawn for pictures of {_count(channels)}."
    if rule == "summed":
        return (
            f"Weights for {_count(made_for)} read 1 here: those of the first convolution ({first}) were summed over "
            f"the channels, so a grey picture gives what its copy in {_count(made_for)} gave."
        )
    if rule == "repeated":
        return (
            f"Weights for {_count(made_for)} read {channels} here: those of the first convolution ({first}) were taken "
            f"in turn, each times {made_for}/{channels} = {factor:.3g}{_kept(made_for, channels)}."
        )
    if not made_for:
        return f"Weights were taken as they came, for pictures of {_count(channels)}."
    return f"Weights for {_count(made_for)} read as many here, so the first convolution ({first}) is as it came."


def _kept(made_for: int, channels: int) -> str:
    """What follows for pictures of which all channels are equal."""
    if channels % made_for == 0:
        return f", so a picture of equal channels gives what it gave in {_count(made_for)}"
    if channels < made_for:
        left = made_for - channels
        return f", and those of the last{f' {left}' if left > 1 else ''} left out"
    more = channels % made_for
    return f", the first{f' {more}' if more > 1 else ''} once more than the others"


def _of_classes(before: int, now: int) -> str:
    head = f"a classifier of {now:,} classes is new, its weights drawn by the seed"
    if before:
        return f"Their own classifier of {before:,} classes is not the head: {head}."
    return f"{head[0].upper()}{head[1:]}."


def _alike(backbone: nn.Module, made_for: int, mean: list[float], std: list[float]) -> bool:
    """Whether all channels, those made for and those at hand, are normalised by the same two numbers."""
    before = [[round(float(v), 6) for v in t.flatten()] for t in statistics(backbone, made_for)]
    return len({*mean, *before[0]}) == len({*std, *before[1]}) == 1


def _first_layer(backbone: nn.Module) -> str:
    """timm's name of the convolution that reads the pictures; the first where there are several."""
    named = config_value(getattr(backbone, "pretrained_cfg", None) or {}, "first_conv")
    return named[0] if named else ""


def _has_table(backbone: Any) -> bool:
    """Whether it has a table of positions whose patches are counted in the picture's pixels, not in those of a map."""
    patches = getattr(backbone, "patch_embed", None)
    is_of_maps = hasattr(patches, "backbone")
    return getattr(backbone, "pos_embed", None) is not None and patches is not None and not is_of_maps


def _count(channels: int) -> str:
    return f"{channels} channel{'s' if channels > 1 else ''}"


def _list(values: list[float]) -> str:
    return ", ".join(f"{v:.3g}" for v in dict.fromkeys(values))
