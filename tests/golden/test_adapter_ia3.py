"""(IA)³ against its equations: activations are scaled, computed in float64 beside the network."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from tltk.adapters.ia3 import Ia3
from tltk.nn.net import Net, make_backbone, make_net
from tltk.specs.parts import NetSpec


def pair(name: str) -> tuple[Net, Net]:
    """A network in float64, and the same adapted with scales drawn at random."""
    torch.manual_seed(0)
    bare = make_net(make_backbone(name, 32, 3), 32, 3, 3, NetSpec(name), 0).double()
    net = copy.deepcopy(bare)
    Ia3().adapt(net, 0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for path, p in net.named_parameters():
            if path.endswith(".ia3"):
                p.copy_(torch.rand(p.shape, generator=draw, dtype=p.dtype) + 0.5)
    return bare, net


def scale(net: Net, module: str) -> torch.Tensor:
    return net.get_parameter(f"backbone.{module}.ia3").detach()


def test_a_transformer_s_keys_values_and_hidden_units_are_scaled() -> None:
    bare, net = pair("test_vit")
    block: Any
    own: Any
    block, own = (n.get_submodule("backbone.blocks.0") for n in (net, bare))
    x = torch.randn(2, 5, own.mlp.fc1.in_features, dtype=torch.float64)
    hidden = own.mlp.act(own.mlp.fc1(x)) * scale(net, "blocks.0.mlp.fc2")
    torch.testing.assert_close(block.mlp(x), own.mlp.fc2(hidden))
    torch.testing.assert_close(block.attn.qkv(x), own.attn.qkv(x) * scale(net, "blocks.0.attn.qkv"))
    torch.testing.assert_close(block.attn.proj(x), own.attn.proj(x))
    # A query's scale does what a key's does: only the product counts in q·k.
    d = x.shape[-1]
    q, k, _ = own.attn.qkv(x).chunk(3, -1)
    both = scale(net, "blocks.0.attn.qkv")[:d] * scale(net, "blocks.0.attn.qkv")[d : 2 * d]
    q2, k2, _ = block.attn.qkv(x).chunk(3, -1)
    torch.testing.assert_close((q2 * k2).sum(-1), (q * k * both).sum(-1))


@pytest.mark.parametrize("name", ["test_resnet", "resnext26ts", "test_efficientnet"])
def test_a_convolution_reads_its_inputs_scaled(name: str) -> None:
    bare, net = pair(name)
    seen = set()
    module: Any
    for path, module in net.named_modules():
        if "ia3" not in module._parameters:
            continue
        own: Any = bare.get_submodule(path)
        by = module._parameters["ia3"].detach()
        assert len(by) == own.in_channels
        x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, own.in_channels, 8, 8)))
        torch.testing.assert_close(module(x), own(x * by[:, None, None]))
        assert not own.groups == own.in_channels > 1
        seen.add(own.groups)
    assert seen == ({1} if name != "resnext26ts" else seen | {1}) and (name != "resnext26ts" or max(seen) > 1)


def test_batch_normalisation_does_not_undo_it() -> None:
    """What is learned of a residual network's outputs counts in training mode too."""
    bare, net = pair("test_resnet")
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    one, other = bare.train()(x)[1], net.train()(x)[1]
    assert (one - other).abs().max() > 1e-2 * one.abs().max()
