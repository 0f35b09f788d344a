"""Torchvision's weights under timm's names: each pair of the table answers alike, classifier and statistics included."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import timm
import torch
import torchvision
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from tltk.weights import torchvision_names as layouts

REGNETS = {"004": "400mf", "006": "600mf", "008": "800mf", "016": "1_6gf", "032": "3_2gf", "080": "8gf", "160": "16gf"}
SWINS = {"tiny": "t", "small": "s", "base": "b"}
VITS = {"base": "b", "large": "l"}
QUICK = (
    "mobilenetv2_100",
    "efficientnet_b0",
    "regnety_004",
    "convnext_tiny",
    "swin_tiny_patch4_window7_224",
    "densenet121",
    "vgg11_bn",
)  # one of each family; the others, minutes of work, with TLTK_EVERY_PAIR=1


def theirs(name: str) -> str:
    """Torchvision's name of a model of the table."""
    if name == "mobilenetv2_100":
        return "mobilenet_v2"
    if name.startswith("regnet"):
        return f"regnet_{name[6]}_{REGNETS[name[8:11]]}"
    if name.startswith("swin"):
        return f"swin_{SWINS[name.split('_')[1]]}"
    if name.startswith("vit"):
        _, size, patch, _ = name.split("_")
        return f"vit_{VITS[size]}_{patch.removeprefix('patch')}"
    return name


@torch.no_grad()
def shaken(model: nn.Module, pictures: Tensor) -> nn.Module:
    """With scales that no two layers share, and statistics that let these pictures through to the end.

    Without such statistics a new network's answer hangs on its last biases alone, and a mix-up below is not seen.
    """
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if tensor.ndim in (1, 3) and tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith(("weight", "layer_scale")) else 0.2 * noise - 0.1)
    norms = [m for m in model.eval().double().modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    model(pictures)
    return model.eval()


def written(model: nn.Module) -> dict[str, Tensor]:
    """A torchvision model's state as its files have it: DenseNet's with the names of before 2018."""
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", n): t for n, t in model.state_dict().items()}


@torch.no_grad()
def difference(theirs: nn.Module, ours: nn.Module, size: int) -> float:
    """Largest difference of their logits, as part of the largest logit, once `ours` has the weights of `theirs`."""
    pictures = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(4)).double()
    pictures[1, 0] *= 0.1  # two noises of one colour are much the same to a network that pools
    shaken(theirs, pictures)
    config: Any = getattr(ours, "pretrained_cfg", None) or {"classifier": "head"}
    classifier = config["classifier"]
    wanted = {n: t for n, t in ours.state_dict().items() if not n.startswith(f"{classifier}.")}
    found = layouts.to_timm(written(theirs), wanted, classifier)
    assert found is not None
    missing, unknown = ours.double().load_state_dict(found, strict=False)
    assert not unknown and all(n.endswith("num_batches_tracked") for n in missing)
    a, b = theirs(pictures), ours.eval()(pictures)
    assert float((a[0] - a[1]).abs().max() / a.abs().max()) > 1e-6, "the answer must hang on the picture"
    return float((a - b).abs().max() / a.abs().max())


@pytest.mark.parametrize("name", layouts.KNOWN if os.environ.get("TLTK_EVERY_PAIR") else QUICK)
def test_the_pair_answers_alike(name: str) -> None:
    fixed = name.startswith(("vit", "swin", "vgg"))  # VGG: torchvision pools what is larger, timm does not
    model = torchvision.models.get_model(theirs(name), weights=None, num_classes=7)
    if name.startswith("vit"):
        nn.init.normal_(model.heads.head.weight)  # torchvision begins with a classifier of zeros
    assert layouts.guess_backbones(written(model)) == [name]
    assert difference(model, timm.create_model(name, num_classes=7), 224 if fixed else 64) < 1e-9


def test_a_small_vision_transformer_answers_alike() -> None:
    sides: dict[str, Any] = {"image_size": 32, "patch_size": 8}
    a = torchvision.models.VisionTransformer(
        **sides, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=64, num_classes=7
    )
    b = VisionTransformer(img_size=32, patch_size=8, depth=2, num_heads=2, embed_dim=16, num_classes=7)
    nn.init.normal_(a.heads.head.weight)  # torchvision begins with a classifier of zeros
    assert difference(a, b, 32) < 1e-9
    larger = VisionTransformer(img_size=48, patch_size=8, depth=2, num_heads=2, embed_dim=16, num_classes=0)
    found = layouts.to_timm(a.state_dict(), larger.state_dict(), "head")
    assert found is not None and torch.equal(found["pos_embed"], a.state_dict()["encoder.pos_embedding"])


def test_two_tensors_that_change_places_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pairs' test can fail: equal shapes alone do not make answers equal."""
    right = layouts.to_timm

    def wrong(*given: Any) -> dict[str, Tensor]:
        found = right(*given) or {}
        a, b = "blocks.2.1.bn1.bias", "blocks.2.1.bn2.bias"
        return found | {a: found[b], b: found[a]}

    monkeypatch.setattr(layouts, "to_timm", wrong)
    a = torchvision.models.get_model("mobilenet_v2", weights=None, num_classes=7)
    assert difference(a, timm.create_model("mobilenetv2_100", num_classes=7), 64) > 1e-6


def mobilenet() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """torchvision's state without numbers in it, and what timm wants."""
    with torch.device("meta"):
        given = torchvision.models.get_model("mobilenet_v2", weights=None).state_dict()
        return given, timm.create_model("mobilenetv2_100", num_classes=0).state_dict()


def test_the_order_in_the_file_does_not_matter() -> None:
    given, wanted = mobilenet()
    found = layouts.to_timm(given, wanted, "classifier")
    back = layouts.to_timm(dict(sorted(given.items(), reverse=True)), wanted, "classifier")
    assert found is not None and back is not None
    assert all(found[n] is back[n] for n in found)
    assert found["conv_head.weight"] is given["features.18.0.weight"]
    assert found["classifier.bias"] is given["classifier.1.bias"]


def test_without_a_classifier_and_for_grey_pictures() -> None:
    given, wanted = mobilenet()
    given = {n: t for n, t in given.items() if not n.startswith("classifier.")}
    given["features.0.0.weight"] = torch.empty(32, 1, 3, 3, device="meta")
    assert layouts.guess_backbones(given) == ["mobilenetv2_100"]
    assert layouts.to_timm(given, wanted, "classifier") is None
    wanted["conv_stem.weight"] = given["features.0.0.weight"]
    found = layouts.to_timm(given, wanted, "classifier")
    assert found is not None and "classifier.weight" not in found


def test_what_does_not_fit_is_none() -> None:
    given, wanted = mobilenet()
    assert (
        layouts.to_timm({n: t for n, t in given.items() if n != "features.9.conv.3.weight"}, wanted, "classifier")
        is None
    )
    assert (
        layouts.to_timm({**given, "features.19.0.weight": given["features.9.conv.3.bias"]}, wanted, "classifier")
        is None
    )
    assert layouts.to_timm({**given, "features.9.conv.3.bias": torch.empty(3)}, wanted, "classifier") is None
    assert layouts.to_timm(wanted, wanted, "classifier") is None
    assert layouts.guess_backbones(wanted) == [] and layouts.family(wanted) is None
    assert layouts.guess_backbones({**given, "features.9.conv.3.bias": torch.empty(3)}) == []
