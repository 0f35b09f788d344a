"""Receptive fields: those of known convolutions come out as they are; drawings have a square each."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tltk import home
from tltk.analyses.import_weights.analysis import import_weights
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.errors import CannotSplit
from tltk.nn.net import Net
from tltk.specs.parts import NetSpec
from tltk.weights import receptive_fields as receptive
from tltk.weights import store
from tltk.weights.load import build_net


def net(backbone: str = "test_resnet", seed: int = 0) -> Net:
    return build_net(NetSpec(backbone), 3, 32, 3, seed)


def grating(angle: float, side: int = 11, wave: float = 5.0) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(side) - side // 2, torch.arange(side) - side // 2, indexing="ij")
    hill = torch.exp(-(x**2 + y**2) / (2 * (side / 5) ** 2))
    return (torch.cos(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / wave) * hill).expand(1, 3, -1, -1)


def test_a_first_convolution_comes_out_as_its_kernel() -> None:
    made = net()
    name, conv = next((n, m) for n, m in made.backbone.named_modules() if isinstance(m, nn.Conv2d))
    found = receptive.receptive_fields(made, name, pictures=3)
    assert found is not None
    torch.testing.assert_close(found, conv.weight.detach() / made.std, rtol=1e-4, atol=1e-6)


def test_two_convolutions_come_out_as_one() -> None:
    """Without a bend between them, the field is the kernels' full convolution, here recomputed by a loop."""
    torch.manual_seed(1)
    first, second = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Conv2d(4, 2, 3, padding=1, bias=False)
    made = net()
    made.backbone = nn.Sequential(first, second)
    found = receptive.receptive_fields(made, "1", pictures=2)
    a, b = (conv.weight.detach().double() for conv in (first, second))
    expected = torch.zeros(2, 3, 5, 5, dtype=torch.float64)
    for y in range(3):
        for x in range(3):
            expected[:, :, y : y + 3, x : x + 3] += torch.einsum("om,mikl->oikl", b[:, :, y, x], a)
    assert found is not None
    torch.testing.assert_close(found.double(), expected / made.std.double(), rtol=1e-4, atol=1e-5)


def test_units_that_see_nothing_are_named() -> None:
    made = net()
    for conv in made.backbone.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.zeros_(conv.weight)
    with pytest.raises(CannotSplit, match="depend on the picture"):
        receptive.first_fields(made, 32)


def test_the_deepest_convolution_that_sees_little_is_taken() -> None:
    made = net("mobilenetv2_035")
    name, first = receptive.first_fields(made, 32)
    assert name == "blocks.1.0.conv_dw" and max(first.shape[-2:]) == 11
    assert receptive.receptive_fields(made, "blocks.1.1.conv_dw", widest=receptive.MAX_WIDTH_PX) is None


def test_tokens_too() -> None:
    made = build_net(NetSpec("vit_tiny_patch16_224"), 3, 32, 3, 0)
    assert receptive.first_fields(made, 32)[1].shape[1:] == (3, 16, 16)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 4, 1.2, math.pi / 2])
def test_a_grating_is_selective_at_any_angle_and_a_blob_is_not(angle: float) -> None:
    assert receptive.orientation_selectivity(grating(angle)).item() > 0.8
    assert receptive.orientation_selectivity(grating(0.0, wave=1e9)).item() < 0.05


def test_noise_is_hardly_selective() -> None:
    torch.manual_seed(0)
    assert receptive.orientation_selectivity(torch.randn(200, 3, 11, 11)).mean().item() < 0.25
    assert torch.isfinite(receptive.orientation_selectivity(torch.zeros(2, 3, 5, 5))).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_square_each(channels: int) -> None:
    sheet = Image.open(io.BytesIO(receptive.draw_fields(torch.randn(18, channels, 3, 5))))
    step = receptive.SIDE_PX + receptive.GAP_PX
    assert sheet.size == (16 * step - receptive.GAP_PX, 2 * step - receptive.GAP_PX)
    assert sheet.getpixel((0, 0))[3] == 255 and sheet.getpixel((3 * step, step))[3] == 0  # type: ignore[index]


def test_what_is_added_to_the_store_is_drawn(tmp_path: Path) -> None:
    tensors = {n: t.contiguous() for n, t in net().backbone.state_dict().items()}
    save_file(tensors, tmp_path / "a.safetensors", {"backbone": "test_resnet"})
    import_weights(ImportWeightsSpec(f"file:{tmp_path / 'a.safetensors'}", "", "a"))
    entry = store.find("a")
    assert entry.fields and Image.open(io.BytesIO(entry.fields.read_bytes())).size[1] >= receptive.SIDE_PX
    assert entry.path.parent == home.folder("weights")
    store.put(home.folder("weights"), b"x", entry.card)  # a drawing of other weights does not stay
    assert store.find("a").fields is None
