"""Torchvision's names for tensors put into timm's, where the two draw the same network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Rules = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Family:
    """How torchvision writes one family.

    Attributes:
        signs: Names that all of its files have and no other family has; the first is the first convolution.
        classifier: What stands before its classifier's names.
        rules: Regular expressions applied one after the other; without them tensors are matched in
            their order of execution, which both libraries write them in.
    """

    signs: tuple[str, ...]
    classifier: str
    rules: Rules = ()


def _stage_rules(stem: str, blocks: str, between: str) -> Rules:
    """Of `features.0 … features.7`: the stem, then blocks at odd numbers, what lies between stages at even ones."""
    odd = tuple((rf"^features\.{2 * i + 1}\.", f"{blocks.format(i)}.") for i in range(4))
    even = tuple((rf"^features\.{2 * i}\.", f"{between.format(i)}.") for i in range(1, 4))
    return ((r"^features\.0\.", f"{stem}."), *odd, *even)


FAMILIES = {
    "vit": Family(
        ("conv_proj.weight", "encoder.ln.weight"),
        "heads.",
        (
            (r"^class_token$", "cls_token"),
            (r"^conv_proj\.", "patch_embed.proj."),
            (r"^encoder\.pos_embedding$", "pos_embed"),
            (r"^encoder\.ln\.", "norm."),
            (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
            (r"\.ln_(\d)\.", r".norm\1."),
            (r"\.self_attention\.in_proj_", ".attn.qkv."),
            (r"\.self_attention\.out_proj\.", ".attn.proj."),
            (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
            (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
        ),
    ),
    "swin": Family(
        ("features.0.0.weight", "features.1.0.attn.relative_position_bias_table"),
        "head.",
        (
            *_stage_rules("patch_embed", "layers.{}.blocks", "layers.{}.downsample"),
            (r"^patch_embed\.0\.", "patch_embed.proj."),
            (r"^patch_embed\.2\.", "patch_embed.norm."),
            (r"\.mlp\.0\.", ".mlp.fc1."),
            (r"\.mlp\.3\.", ".mlp.fc2."),
        ),
    ),
    "convnext": Family(
        ("features.0.0.weight", "features.1.0.layer_scale"),
        "classifier.2.",
        (
            *_stage_rules("stem", "stages.{}.blocks", "stages.{}.downsample"),
            (r"\.block\.0\.", ".conv_dw."),
            (r"\.block\.2\.", ".norm."),
            (r"\.block\.3\.", ".mlp.fc1."),
            (r"\.block\.5\.", ".mlp.fc2."),
            (r"\.layer_scale$", ".gamma"),
            (r"^classifier\.0\.", "head.norm."),
        ),
    ),
    "vgg": Family(
        ("features.0.weight", "classifier.3.weight"),
        "classifier.6.",
        ((r"^classifier\.0\.", "pre_logits.fc1."), (r"^classifier\.3\.", "pre_logits.fc2.")),
    ),
    "densenet": Family(  # as its files were written before 2018, and still are on torchvision's server
        ("features.conv0.weight", "features.denseblock1.denselayer1.norm.1.weight"),
        "classifier.",
        ((r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),),
    ),
    "regnet": Family(("stem.0.weight", "trunk_output.block1.block1-0.f.a.0.weight"), "fc."),
    "efficientnet": Family(("features.0.0.weight", "features.1.0.block.0.0.weight"), "classifier.1."),
    "mobilenet_v2": Family(("features.0.0.weight", "features.1.conv.0.0.weight"), "classifier.1."),
}

# timm's name → how many numbers its body has for pictures of one channel, without the table of
# positions: what tells the files apart, whatever pictures they are for.
KNOWN = {
    "mobilenetv2_100": 2_257_408,
    "efficientnet_b0": 4_048_988,
    "efficientnet_b1": 6_574_656,
    "efficientnet_b2": 7_767_986,
    "efficientnet_b3": 10_782_808,
    "efficientnet_b4": 17_672_952,
    "regnetx_004_tv": 5_132_256,
    "regnetx_008": 6_623_392,
    "regnetx_016": 8_320_064,
    "regnetx_032": 14_349_536,
    "regnetx_080": 37_741_536,
    "regnetx_160": 52_340_128,
    "regnety_004": 3_929_720,
    "regnety_008_tv": 5_677_368,
    "regnety_016": 10_365_526,
    "regnety_032": 17_988_922,
    "regnety_080_tv": 37_450_424,
    "regnety_160": 80_687_380,
    "convnext_tiny": 27_817_056,
    "convnext_small": 49_451_616,
    "convnext_base": 87_562_368,
    "vit_base_patch16_224": 85_254_144,
    "vit_base_patch32_224": 85_843_968,
    "swin_tiny_patch4_window7_224": 27_516_282,
    "swin_small_patch4_window7_224": 48_834_186,
    "swin_base_patch4_window7_224": 86_739_128,
    "densenet121": 7_031_232,
    "densenet161": 26_682_528,
    "densenet169": 12_636_608,
    "densenet201": 18_315_712,
    "vgg11": 128_765_184,
    "vgg11_bn": 128_776_192,
    "vgg13": 128_949_696,
    "vgg13_bn": 128_961_472,
    "vgg16": 134_259_392,
    "vgg16_bn": 134_276_288,
    "vgg19": 139_569_088,
    "vgg19_bn": 139_591_104,
}

RANKS = {"weight": "0", "bias": "1", "running_mean": "2", "running_var": "3", "se": "bb"}  # `se` runs between b and c
MADE = ("relative_position_index", "attn_mask")  # tables that timm recomputes
UNUSED = ("num_batches_tracked", *MADE)
POSITIONS = ("pos_embed", "encoder.pos_embedding")  # as long as the pictures are large; timm resamples it


def family(names: Mapping[str, object]) -> Family | None:
    """The family whose torchvision names these are."""
    return next((f for f in FAMILIES.values() if all(sign in names for sign in f.signs)), None)


def guess_backbones(tensors: Mapping[str, Any]) -> list[str]:
    """timm's names of the architectures that a file with torchvision's names may be of; shapes suffice."""
    found = family(tensors)
    if found is None or (stem := tensors[found.signs[0]]).ndim != 4:
        return []
    numbers = sum(t.numel() for n, t in _body(tensors, found).items() if n not in POSITIONS)
    numbers -= stem.numel() - stem[:, :1].numel()
    return [name for name, known in KNOWN.items() if known == numbers]


def to_timm(tensors: Mapping[str, Any], wanted: Mapping[str, Any], classifier: str) -> dict[str, Any] | None:
    """The tensors of a torchvision model under timm's names and shapes.

    Args:
        tensors: Torchvision's state, with or without its classifier; anything with a shape that can be changed.
        wanted: State of timm's backbone of the same architecture.
        classifier: timm's name of the classifier, which takes up torchvision's.

    Returns:
        None where the names are not torchvision's, or any tensor has no counterpart of its shape.
    """
    theirs = family(tensors)
    if theirs is None:
        return None
    body = _body(tensors, theirs)
    targets = [n for n in wanted if not n.endswith(UNUSED)]
    if theirs.rules:
        named = {_rename(n, theirs.rules): t for n, t in body.items()}
    else:
        named = dict(zip(targets, (body[n] for n in sorted(body, key=_order)), strict=False))
    if len(body) != len(targets) or set(named) != set(targets):
        return None
    found = {}
    for name in targets:
        ours, shape = named[name], wanted[name].shape
        if name not in POSITIONS and ours.shape != shape:
            if ours.numel() != shape.numel() or ours.shape[:1] != shape[:1]:
                return None
            ours = ours.reshape(shape)  # a linear layer as a convolution over its map; (c, 1, 1) as (c,)
        found[name] = ours
    heads = [n for n in tensors if n.startswith(theirs.classifier)]
    return found | {f"{classifier}.{n.rpartition('.')[2]}": tensors[n] for n in heads}


def _body(tensors: Mapping[str, Any], known: Family) -> dict[str, Any]:
    """Without the classifier and what timm does not keep."""
    return {n: t for n, t in tensors.items() if not n.startswith(known.classifier) and not n.endswith(UNUSED)}


def _rename(name: str, rules: Rules) -> str:
    for pattern, by in rules:
        name = re.sub(pattern, by, name)
    return name


def _order(name: str) -> list[tuple[bool, int, str]]:
    """Sorts names by when they run: numbers as numbers, and a tensor's weight before its bias."""
    parts = [RANKS.get(part, part) for part in re.split(r"[.\-]", name)]
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
