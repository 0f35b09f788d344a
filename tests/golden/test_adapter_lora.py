"""LoRA and DoRA against their equations, computed in float64 from W, A and B."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from tltk.adapters.dora import Dora
from tltk.adapters.lora import Lora
from tltk.nn.net import Net, make_backbone, make_net
from tltk.specs.parts import NetSpec


def net(name: str) -> Net:
    torch.manual_seed(0)
    return make_net(make_backbone(name, 32, 3), 32, 3, 3, NetSpec(name), 0)


def moved(adapter: Lora, name: str) -> Iterator[tuple[str, Any]]:
    """The adapted modules of a network in float64, with A, B and m drawn anew."""
    made = net(name).double()
    adapter.adapt(made, 0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for path, p in made.named_parameters():
            if path.endswith((".lora_a", ".lora_b")):
                p.copy_(torch.randn(p.shape, generator=draw, dtype=p.dtype) * 0.3)
            elif path.endswith(".magnitude"):
                p.mul_(1 + torch.rand(p.shape, generator=draw, dtype=p.dtype))
    return ((path, m) for path, m in made.named_modules() if "lora_a" in m._parameters)


def parts(module: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    weight, a, b = (module._parameters[n].detach() for n in ("weight", "lora_a", "lora_b"))
    return weight, a, b


def test_a_linear_map_is_w_x_plus_a_share_of_b_a_x() -> None:
    adapter = Lora(rank=3, alpha=5.0)
    names = []
    for path, module in moved(adapter, "test_vit"):
        if not isinstance(module, torch.nn.Linear):
            continue
        names.append(path.rpartition(".")[2])
        w, a, b = (t.numpy() for t in parts(module))
        x = np.random.default_rng(0).normal(size=(7, w.shape[1]))
        wanted = x @ w.T + 5.0 / 3 * (x @ a.T) @ b.T + module.bias.detach().numpy()
        found = module(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
    assert {"qkv", "proj", "fc1", "fc2"} <= set(names)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "resnext26ts"])
def test_a_convolution_is_one_of_w_and_one_of_a_then_b(name: str) -> None:
    """A as r filters, then B as a convolution of one pixel, where there is one group; else group by group."""
    groups = set()
    for _, module in moved(Lora(rank=2, alpha=1.0), name):
        if not isinstance(module, torch.nn.Conv2d):
            continue
        w, a, b = parts(module)
        g = module.groups
        groups.add(g)
        side: Any = dict(stride=module.stride, dilation=module.dilation)
        x = torch.randn(2, module.in_channels, 9, 9, generator=torch.Generator().manual_seed(0), dtype=w.dtype)
        found = module._conv_forward(x, module.weight, None)
        pads = [p if isinstance(p, int) else 0 for p in module.padding]
        wanted = []
        for i in range(g):
            rows = slice(i * len(w) // g, (i + 1) * len(w) // g)
            mine = x[:, i * w.shape[1] : (i + 1) * w.shape[1]]
            narrow = conv2d(mine, a.reshape(-1, *w.shape[1:]), padding=pads, **side)
            wanted.append(conv2d(mine, w[rows], padding=pads, **side) + conv2d(narrow, b[rows, :, None, None]) / 2)
        torch.testing.assert_close(found, torch.cat(wanted, 1), rtol=1e-9, atol=1e-9)
        assert not g == module.in_channels > 1, "depthwise ones are left alone"
    assert groups if name != "resnext26ts" else max(groups) > 1


def test_at_the_start_b_learns_and_a_waits() -> None:
    """∂L/∂A = Bᵀ G = 0 while B is 0; ∂L/∂B = α/r · G Aᵀ with G the gradient that W would have."""
    made = net("test_vit").double()
    Lora(rank=2, alpha=6.0).adapt(made, 0)
    made(torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[
        1
    ].square().sum().backward()
    module: Any = made.get_submodule("backbone.blocks.0.mlp.fc1")
    w, a, b = (module._parameters[n] for n in ("weight", "lora_a", "lora_b"))
    assert not a.grad.any() and b.grad.any()
    np.testing.assert_allclose(b.grad.numpy(), 6 / 2 * w.grad.numpy() @ a.detach().numpy().T, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_dora_has_the_length_that_it_learned_and_the_direction_of_lora(name: str) -> None:
    for _, module in moved(Dora(rank=2, alpha=3.0), name):
        w, a, b = (t.numpy() for t in parts(module))
        m = module._parameters["magnitude"].detach().numpy()
        direction = w.reshape(len(w), -1) + 3 / 2 * b @ a
        wanted = m[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)
        found = module.weight.detach().numpy().reshape(len(w), -1)
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), m, rtol=1e-10)


def test_dora_s_gradient_takes_the_norm_for_a_constant() -> None:
    """∂L/∂V = m / ‖V‖ · ∂L/∂W', Eq. 11 of the paper."""
    _, module = next(moved(Dora(rank=2, alpha=2.0), "test_vit"))
    w, a, b = parts(module)
    up = torch.randn(w.shape, generator=torch.Generator().manual_seed(0), dtype=w.dtype)
    (module.weight * up).sum().backward()
    m = module._parameters["magnitude"].detach()
    direction = w.flatten(1) + b @ a
    inner = (m / direction.norm(dim=1))[:, None] * up.flatten(1)
    torch.testing.assert_close(module._parameters["lora_b"].grad, inner @ a.T)
    torch.testing.assert_close(module._parameters["lora_a"].grad, b.T @ inner)
