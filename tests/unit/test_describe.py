from __future__ import annotations

import dataclasses

import msgspec
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.support.engine import NETS
from tests.support.values import present
from tltk.analyses.describe.analysis import layers, network_summary
from tltk.analyses.describe.spec import DescribeSpec
from tltk.errors import UnknownName
from tltk.nn.cut import Cut
from tltk.nn.flops import layer_flops
from tltk.nn.net import make_backbone
from tltk.results.layers import Layer
from tltk.specs.parts import AdapterSpec, NetSpec
from tltk.specs.reading import read_spec
from tltk.weights.load import build_net


@pytest.mark.parametrize("name", NETS)
def test_layers_add_up_to_the_network(name: str) -> None:
    found = layers(name, 32)
    model = make_backbone(name, 32, 3).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in model.parameters())
    flops = [present(layer.flops) for layer in found]
    assert sum(flops) == counter.get_total_flops() == sum(present(layer_flops(name, 32, 3)))
    assert min(flops) >= 0 and all(layer.shape for layer in found)
    net = build_net(NetSpec(backbone=name), 2, 32, 3, 0)
    for layer in found:
        assert layer.crossing == Cut(net, layer.index + 1).numbers
    assert found[-1].crossing == net.width


def test_what_learns_of_a_layer_hangs_on_the_adapter() -> None:
    """By hand: rank 2 on a transformer's block adds 2 (m + n) for each of its four linear maps."""
    plain = layers("test_vit", 32)
    assert all(layer.learnable == layer.parameters == layer.n_learnable for layer in plain)
    found = layers("test_vit", 32, 3, AdapterSpec("lora", {"rank": 2}))
    d = 64
    hidden = 3 * d
    assert found[1].learnable == 2 * ((d + 3 * d) + (d + d) + 2 * (d + hidden))
    assert [dataclasses.replace(layer, learnable=None) for layer in found] == [
        dataclasses.replace(layer, learnable=None) for layer in plain
    ], "all else is the plain network's"
    before = msgspec.convert({**msgspec.to_builtins(plain[0]), "learnable": None}, Layer)
    assert before.n_learnable == before.parameters


def test_a_question_without_an_adapter_is_the_one_of_before() -> None:
    assert "adapter" not in DescribeSpec("test_vit", 32, 3).to_json()
    asked = DescribeSpec("test_vit", 32, 3, AdapterSpec("lora", {"rank": 2}))
    assert read_spec(asked.to_json()) == asked
    assert asked.as_words()[-2:] == ["--adapter", "lora:rank=2"]
    with pytest.raises(UnknownName, match="lora"):
        DescribeSpec("test_vit", adapter=AdapterSpec("lorra")).check()


def test_a_summary_has_the_layers_and_the_speed_of_the_network() -> None:
    answer = network_summary(DescribeSpec(backbone="test_vit", size=32, channels=1), torch.device("cpu"))
    assert present(answer.seconds_per_gflop) > 0
    assert len(answer.layers) == 7 and answer.width == 64
