from __future__ import annotations

import timm
import torch
from torch import nn

from tltk.nn.order import execution_order, layer_name, ordered_layers


class Plain(nn.Module):
    """No group_matcher; declared in another order than it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.stem = nn.Linear(3, 3)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.blocks[0](self.blocks[1](x))


def test_without_a_matcher_the_order_is_that_of_execution() -> None:
    model = Plain()
    ran = execution_order(model, torch.zeros(1, 3))
    layers = ordered_layers(model, ran)
    assert [layer_name(layer, i) for i, layer in enumerate(layers)] == ["stem", "blocks.1", "blocks.0", "unused"]
    assert sorted(n for layer in layers for n in layer) == sorted(n for n, _ in model.named_parameters())


def test_begin_and_end_enclose_what_runs_inside() -> None:
    model = timm.create_model("test_resnet", num_classes=0).eval()
    ran = execution_order(model, torch.zeros(1, 3, 32, 32))
    outer, inner = ran["layer1"], ran["layer1.0.conv1"]
    assert outer[0] < inner[0] < inner[1] < outer[1]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_matcher_that_does_not_fit_its_model_is_left_aside() -> None:
    model = Plain()
    model.group_matcher = lambda coarse: {"stem": "nothing_here"}  # type: ignore[assignment]
    assert len(ordered_layers(model, execution_order(model, torch.zeros(1, 3)))) >= 2


def test_names() -> None:
    assert layer_name(["stem.conv.weight", "stem.norm.bias"], 0) == "stem"
    assert layer_name(["stages.0.blocks.1.a.weight", "stages.0.blocks.1.b.bias"], 3) == "stages.0.blocks.1"
    assert layer_name(["cls_token", "pos_embed"], 0) == "stem"
