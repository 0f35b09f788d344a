"""Checkpoints: whole or none, and bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tltk.nn.state import pack, unpack
from tltk.training import checkpoint


def test_tensors_and_state_come_back(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    tensors = {"a": torch.randn(3, 4), "b": torch.tensor(7), "c": torch.zeros(0)}
    checkpoint.write(path, tensors, {"epoch": 3, "best": [0.1, float("-inf")], "ü": None})
    found = checkpoint.read(path)
    assert found is not None
    assert found[1] == {"epoch": 3, "best": [0.1, float("-inf")], "ü": None}
    assert found[0].keys() == tensors.keys()
    assert all(torch.equal(found[0][k], tensors[k]) for k in tensors)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 30, -1])
def test_a_torn_file_is_none(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.write(path, {"a": torch.randn(30)}, {"epoch": 3})
    path.write_bytes(path.read_bytes()[:cut])
    assert checkpoint.read(path) is None


def test_no_file_a_folder_and_a_file_of_another_kind_are_none(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    assert checkpoint.read(tmp_path / "absent") is None
    assert checkpoint.read(tmp_path) is None
    save_file({"a": torch.zeros(1)}, tmp_path / "plain")
    assert checkpoint.read(tmp_path / "plain") is None
    save_file({"a": torch.zeros(1)}, tmp_path / "odd", {"state": "{"})
    assert checkpoint.read(tmp_path / "odd") is None


def test_a_module_goes_under_its_prefix(tmp_path: Path) -> None:
    convolution = nn.Conv2d(1, 2, 3)
    net = nn.Sequential(convolution, nn.BatchNorm2d(2))
    packed = pack(net, "net/")
    assert all(k.startswith("net/") for k in packed)
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    unpack(other, {**packed, "optim/x": torch.zeros(1)}, "net/")
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    before = packed["net/0.weight"].clone()
    with torch.no_grad():
        convolution.weight.add_(1)
    assert torch.equal(packed["net/0.weight"], before)  # a copy, not a view


@pytest.mark.parametrize("kind", ["sgd", "adamw", "fused"])
def test_an_optimizer_goes_on_as_if_never_stopped(tmp_path: Path, kind: str) -> None:
    def build() -> tuple[nn.Linear, torch.optim.Optimizer, dict[int, str]]:
        torch.manual_seed(0)
        net = nn.Linear(3, 2)
        names = {id(p): n for n, p in net.named_parameters()}
        groups = [
            {"params": [net.weight], "layer": 0},
            {"params": [net.bias], "layer": 1, "weight_decay": 0.0},
        ]
        if kind == "sgd":
            return net, torch.optim.SGD(groups, lr=0.1, momentum=0.9), names
        return net, torch.optim.AdamW(groups, lr=0.1, fused=kind == "fused"), names

    def step(net: nn.Linear, optimizer: torch.optim.Optimizer, seed: int) -> None:
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        net(x).square().sum().backward()
        optimizer.step()

    net, optimizer, names = build()
    for i in range(6):
        step(net, optimizer, i)
    half, first, first_names = build()
    for i in range(3):
        step(half, first, i)
    first.param_groups[0]["lr"] = 0.1
    tensors, state = checkpoint.pack_optimizer(first, first_names)
    checkpoint.write(tmp_path / "c", tensors | pack(half, "net/"), state)
    found = checkpoint.read(tmp_path / "c")
    assert found is not None
    rest, second, second_names = build()
    unpack(rest, found[0], "net/")
    checkpoint.unpack_optimizer(second, second_names, *found)
    for i in range(3, 6):
        step(rest, second, i)
    assert torch.equal(net.weight, rest.weight)
    assert torch.equal(net.bias, rest.bias)
    assert second.param_groups[1]["weight_decay"] == 0.0
    del optimizer, names
