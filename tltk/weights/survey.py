"""Makes the table of the catalogue: `python -m tltk.weights.survey`, some minutes after timm has changed.

Every model is built and run on the meta device, so that nothing is computed and the largest takes no memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import timm
import torch
from timm.models._registry import _model_to_module
from torch import Tensor, nn
from tqdm import tqdm

from tltk import home
from tltk.nn.flops import Shapes
from tltk.nn.net import Net
from tltk.weights.catalogue import SIZE_RANGE_PX, TABLE, Backbone, Pretrained, Sizes, fingerprint, table_text

# Parts of timm's tags that name pictures. Other parts name recipes, people and sizes.
SETS = {
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "inw21k": "ImageNet-21k",
    "jft": "JFT-300M",
    "webli": "WebLI",
    "openai": "WIT-400M",
    "laion400m": "LAION-400M",
    "laion2b": "LAION-2B",
    "laiona": "LAION-Aesthetics",
    "datacompxl": "DataComp-1B",
    "datacomp1b": "DataComp-1B",
    "dfn2b": "DFN-2B",
    "dfn5b": "DFN-5B",
    "dfndr2b": "DFNDR-2B",
    "mclip": "DataCompDR-1B",
    "merged2b": "Merged-2B",
    "m30m": "Merged-30M",
    "m38m": "Merged-38M",
    "yfcc15m": "YFCC-15M",
    "yfcc100m": "YFCC-100M",
    "cc12m": "CC-12M",
    "ig1b": "Instagram-1B",
    "seer": "Instagram-1B without labels",
    "swag": "Instagram-3.6B",
    "lvd142m": "LVD-142M",
    "lvd1689m": "LVD-1689M",
    "sat493m": "SAT-493M",
    "sa1b": "SA-1B",
    "bamboo": "Bamboo",
    "metaclip": "MetaCLIP",
    "metaclip2": "MetaCLIP 2",
    "stage2": "ImageNet-22k and ImageNet-1k",  # of SSLD, whose first stage saw both
}
UNLABELLED = ("mae", "fcmae", "dino", "ijepa", "mim")  # their first pictures came without labels
ON_IMAGENET = ("mae", "fcmae", "dino")  # where the tag names no pictures, these saw ImageNet-1k


def training_data(tag: str) -> str:
    """What weights with this tag were trained on; "" where the tag does not say.

    Example:
        >>> training_data("clip_laion2b_soup_ft_in12k_in1k_384")
        'LAION-2B, then ImageNet-12k, then ImageNet-1k'
    """
    first, *later = f"_{tag}_".replace("_ft_", "|", 1).split("|")
    names = [SETS[word] for word in first.split("_") if word in SETS]
    methods = set(first.split("_"))
    if not names and methods & set(ON_IMAGENET):
        names = [SETS["in1k"]]
    start = " and ".join(names)
    if start and methods & set(UNLABELLED):
        start += " without labels"
    then = [SETS[word] for word in "_".join(later).split("_") if word in SETS]
    if then and not start:
        return f"not stated, then {', then '.join(then)}"
    return ", then ".join([start, *then]) if start else ""


def pretrained_weights(name: str) -> tuple[Pretrained, ...]:
    """The weights that timm knows of for a model, its default first."""
    default = timm.get_pretrained_cfg(name)
    found = []
    for full in timm.list_pretrained(name):
        tag = full.partition(".")[2]
        config = timm.get_pretrained_cfg(full)
        found.append(
            Pretrained(tag, config.hf_hub_id or "", training_data(tag), config.license or "", config.num_classes)
        )
    first = (default.tag or "") if default is not None else ""
    return tuple(sorted(found, key=lambda w: w.tag != first))  # stable: the others stay in timm's order


def count_flops(model: nn.Module, channels: int, size: int) -> tuple[int | None, Tensor | None]:
    """FLOPs of one picture's forward pass, a multiply-add counts two, and its answer; None where it cannot run so.

    Args:
        model: On the meta device.
        channels: Of the picture.
        size: Its side in pixels.
    """
    counter = Shapes()
    try:
        with counter, torch.no_grad():
            answer = Net.pool(model(torch.zeros(1, channels, size, size, device="meta")))
    except Exception:  # whatever an architecture does that needs numbers; the table has a gap there
        return None, None
    return (counter.flops or None) if counter.whole else None, answer


# What is asked of a network about sizes. LOOSE: near its own, where all are taken the picture is cut to fit; SPOTS: far
# from it, where a rule has to hold as well; STEPS: how far apart the sizes may be, which are strides and windows.
LOOSE = (1, 19, -11)
SPOTS = (8, 20, 33, 50, 100)
GEOMETRY = (
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "ceil_mode",
    "output_size",
    "patch_size",
    "window_size",
    "block_size",
    "halo_size",
    "sr_ratio",
    "shift_size",
    "strict_img_size",
    "dynamic_img_pad",
    "scale_factor",
)
PLACEWISE = (
    "torch.nn.",
    "timm.layers.norm",
    "timm.layers.activations",
    "timm.layers.drop",
    "timm.layers.layer_scale",
    "timm.layers.mlp",
    "timm.layers.squeeze_excite",
    "timm.layers.fast_norm",
    "timm.layers.grn",
)
STEPS = (*range(2, 65), *range(72, 129, 8), *range(144, 513, 16))
WIDEST = 64


def can_read(name: str, size: int, channels: int, model: nn.Module | None) -> bool:
    """Whether a model, built for this size unless it is given, runs on two pictures of it.

    Args:
        name: timm's name.
        size: Side of the pictures in pixels.
        channels: Of the pictures.
        model: On the meta device; None = built here for this size.
    """
    try:
        with torch.device("meta"), Shapes(), torch.no_grad():
            if model is None:
                model = timm.create_model(name, num_classes=0, img_size=size).eval()
            Net.pool(model(torch.zeros(2, channels, size, size)))
    except Exception:  # each architecture stumbles over a size in its own way
        return False
    return True


def geometry(model: nn.Module) -> frozenset[tuple[Any, ...]]:
    """What modules it has and the strides, windows and paddings of them, whatever its depth and its widths.

    Norms, activations and other modules that treat each place alike are left out.
    """
    found = set()
    for module in model.modules():
        numbers = [str(getattr(module, name, "")) for name in GEOMETRY]
        if any(numbers) or not type(module).__module__.startswith(PLACEWISE):
            found.add((type(module).__name__, *numbers))
    return frozenset(found)


def size_rule(takes: Callable[[int], bool], own: int, alike: Sizes | None = None) -> Sizes | None:
    """The rule of the sizes that a network takes, asked of the network at a few; None where none holds at them.

    Args:
        takes: Whether it takes a size; dear, and asked at most once about each.
        own: A size that it takes.
        alike: The rule of a network of the same geometry. It is believed where what it refuses is refused.
    """
    takes = cache(takes)

    def holds(rule: Sizes, spots: Iterable[int]) -> bool:
        one = Backbone("", "", 0, own, 0, "", sizes=rule)
        return all(takes(s) == one.takes(s) for s in sorted(set(spots)) if SIZE_RANGE_PX[0] <= s <= SIZE_RANGE_PX[1])

    if alike is not None:
        one = Backbone("", "", 0, own, 0, "", sizes=alike)
        near = (alike.least - 1, own - alike.below - 1, own + alike.above + 1)
        if one.takes(own) and holds(alike, [s for s in near if not one.takes(s)]):
            return alike
    if all(takes(own + off) for off in LOOSE if own + off >= SIZE_RANGE_PX[0]):
        step, below, above = 1, 0, 0
    else:
        above = next((off for off in range(WIDEST) if not takes(own + off + 1)), WIDEST)
        below = next((off for off in range(WIDEST) if not takes(own - off - 1)), WIDEST)
        step = next((p for p in STEPS if p > below + above and all(takes(own + p + off) for off in (-below, above))), 0)
    low, high = 0, (own - SIZE_RANGE_PX[0]) // step if step else 0  # steps down from its own size
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if takes(own - middle * step) else (low, middle - 1)
    least = own - low * step
    while least > SIZE_RANGE_PX[0] and least > own - low * step - below and takes(least - 1):
        least -= 1
    rule, up = Sizes(least, step, below, above), own + step
    edges = (least, least - 1, up, *((own - below - 1, up + above + 1) if step != 1 else ()))
    return rule if holds(rule, (*SPOTS, *edges)) else None


Rules = dict[tuple[str, frozenset[tuple[Any, ...]]], Sizes | None]  # by file and geometry; None = none was found


def add_size_rules(found: Sequence[Backbone]) -> list[Backbone]:
    """The same lines with the rules of their sizes, found on the smallest network of each geometry."""
    rules: Rules = {}
    told: dict[str, Backbone] = {}
    for one in tqdm(sorted(found, key=lambda b: b.parameters), unit="model"):
        told[one.name] = msgspec.structs.replace(one, sizes=known_size_rule(one, rules))
    return [told[one.name] for one in found]


def known_size_rule(one: Backbone, rules: Rules) -> Sizes | None:
    """The rule of a model's sizes; what was found before, by file and geometry, is used, and added to."""
    config: Any = timm.get_pretrained_cfg(one.name)
    channels = config.input_size[0] if config is not None else 3
    with torch.device("meta"), Shapes():
        model = timm.create_model(one.name, num_classes=0).eval()
    kin, given = (one.family, geometry(model)), None if one.fixed else model
    if one.flops is None and not can_read(one.name, one.size, channels, given):
        return None  # it cannot be asked without computing
    if kin in rules and rules[kin] is None:
        return None
    rules[kin] = size_rule(lambda side: can_read(one.name, side, channels, given), one.size, rules.get(kin))
    return rules[kin]


def survey(name: str) -> Backbone:
    """One model of timm, as a line of the table, but for its sizes."""
    config: Any = timm.get_pretrained_cfg(name)
    channels, size = (config.input_size[0], config.input_size[-1]) if config is not None else (3, 224)
    with torch.device("meta"), Shapes():
        model = timm.create_model(name, num_classes=0).eval()
    flops, answer = count_flops(model, channels, size)
    features = answer.shape[1] if answer is not None else getattr(model, "head_hidden_size", model.num_features)
    return Backbone(
        name=name,
        family=_model_to_module[name],
        parameters=sum(p.numel() for p in model.parameters()),
        size=size,
        features=features,
        keys=fingerprint({n: tuple(t.shape) for n, t in model.state_dict().items()}),
        flops=flops,
        fixed=bool(config is not None and config.fixed_input_size),
        weights=pretrained_weights(name),
    )


def main() -> None:
    """Survey every model of timm and write the table."""
    warnings.simplefilter("ignore")  # timm's own, such as a renamed model
    names = timm.list_models()
    found = add_size_rules([survey(name) for name in tqdm(names, unit="model")])
    home.write_atomic(TABLE, table_text(timm.__version__, found))
    gaps = [b.name for b in found if b.flops is None]
    mute = sorted({w.tag for b in found for w in b.weights if not w.data})
    print(f"{len(found)} models of timm {timm.__version__} in {TABLE.name}, {TABLE.stat().st_size / 1e3:.0f} kB.")
    print(f"{len(gaps)} without FLOPs: {', '.join(gaps) or 'none'}.")
    odd = [b.name for b in found if b.sizes is None]
    print(f"{len(odd)} of which no rule tells the sizes: {', '.join(odd) or 'none'}.")
    print(f"{len(mute)} tags that do not say what the weights saw: {', '.join(mute) or 'none'}.")


if __name__ == "__main__":
    main()
