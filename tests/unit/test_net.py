from __future__ import annotations

import pytest
import torch

from tests.support.engine import NETS
from tltk.errors import BadSpec, UnknownName
from tltk.jobs.checking import check_backbone
from tltk.nn.net import Net, make_backbone, make_net
from tltk.specs.parts import NetSpec
from tltk.weights.load import build_net


@pytest.mark.parametrize("name", NETS)
def test_every_tensor_has_one_layer(name: str) -> None:
    net = build_net(NetSpec(backbone=name), 5, 32, 3, 0)
    names = set(dict(net.named_parameters()))
    assert names <= set(net.layer_of)
    assert {net.layer_of[n] for n in names} == set(range(net.depth + 1))
    assert net.names[-1] == "head" and len(set(net.names)) == net.depth + 1
    assert set(net.tensors(net.depth + 1)) >= names
    features, logits = net(torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, net.width) and logits.shape == (2, 5)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(channels: int) -> None:
    net = build_net(NetSpec(backbone="test_resnet"), 5, 32, channels, 0)
    x = net.normalise(torch.rand(2, channels, 32, 32))
    assert net(x)[1].shape == (2, 5) and net.mean.shape == (1, channels, 1, 1)


def test_normalise_by_hand() -> None:
    net = build_net(NetSpec(backbone="test_resnet"), 5, 32, 3, 0)
    x = torch.rand(2, 3, 4, 4)
    mean, std = net.backbone.pretrained_cfg["mean"], net.backbone.pretrained_cfg["std"]  # type: ignore[index]
    for c in range(3):
        assert torch.allclose(net.normalise(x)[:, c], (x[:, c] - mean[c]) / std[c])


def test_pooled_of_maps_and_lists() -> None:
    x = torch.rand(2, 5, 3, 3)
    assert torch.allclose(Net.pool(x), x.mean((2, 3)))
    assert torch.allclose(Net.pool([x[:, :, 0, 0], x[:, :, 1, 1]]), (x[:, :, 0, 0] + x[:, :, 1, 1]) / 2)


@pytest.mark.parametrize("name", ["resnet18.", "resnet18.a1_in1", "test_resnet.x"])
def test_a_tag_that_timm_does_not_know_is_told_before_and_after_the_queue(name: str) -> None:
    for refuse in (lambda: make_backbone(name, 32, 3), lambda: check_backbone(name)):
        with pytest.raises(UnknownName, match=f"The tag of {name.partition('.')[0]} must be one of"):
            refuse()
    for fine in ("resnet18", "resnet18.a1_in1k", "vit_small_patch16_36x1_224.untrained"):
        check_backbone(fine)


def test_a_name_that_timm_has_not() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'test_resnet'"):
        make_backbone("test_resnett", 32, 3)


def test_a_size_that_the_network_cannot_take() -> None:
    with pytest.raises(BadSpec, match="picture size"):
        make_backbone("nest_tiny_jx", 37, 3)
    with pytest.raises(BadSpec, match="33 × 33"):
        name = "levit_128s"
        make_net(make_backbone("crossvit_9_240", 32, 3), 33, 3, 2, NetSpec(backbone=name), 0)


def test_the_head_hangs_on_the_seed_alone() -> None:
    heads = [
        build_net(NetSpec(backbone=b), 3, 32, 3, s).head.get_parameter("0.weight")
        for b, s in (("test_vit", 1), ("test_vit", 1), ("test_vit", 2))
    ]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_global_randomness_is_left_alone() -> None:
    state = torch.get_rng_state()
    build_net(NetSpec(backbone="test_vit"), 3, 32, 3, 7)
    assert torch.equal(state, torch.get_rng_state())
