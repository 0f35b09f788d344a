"""Stochastic normalisation against Kou et al. (2020), in float64 NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.engine import domain, spec, train
from tltk.adapters import make
from tltk.nn.net import Net
from tltk.specs.parts import AdapterSpec
from tltk.training.compose import build_network


def built(**knobs: float) -> tuple[Net, nn.BatchNorm2d]:
    """A network of which layers 2 … learn, and the last of its normalisations, in float64."""
    asked = dataclasses.replace(spec("test_resnet", boundary=2), adapter=AdapterSpec("stochastic_norm", dict(knobs)))
    net = build_network(asked, domain())[0].double()
    *_, norm = (m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    assert norm.running_mean is not None and norm.running_var is not None
    with torch.no_grad():
        norm.running_mean.normal_(generator=torch.Generator().manual_seed(1))
        norm.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
        norm.weight.normal_(generator=torch.Generator().manual_seed(3))
        norm.bias.normal_(generator=torch.Generator().manual_seed(4))
    return net, norm.train()


def batch(norm: nn.BatchNorm2d) -> torch.Tensor:
    draw = torch.Generator().manual_seed(5)
    return torch.randn(6, norm.num_features, 4, 4, generator=draw, dtype=torch.float64) * 3 + 2


def normalised(x: np.ndarray, mean: np.ndarray, var: np.ndarray, norm: nn.BatchNorm2d) -> np.ndarray:
    mean, var, scale, shift = (
        a[None, :, None, None] for a in (mean, var, norm.weight.detach().numpy(), norm.bias.detach().numpy())
    )
    return np.asarray(np.maximum(scale * (x - mean) / np.sqrt(var + norm.eps) + shift, 0))


def test_each_channel_takes_the_batch_s_statistics_or_the_running_ones() -> None:
    _, norm = built(share=0.3)
    x, n = batch(norm), norm.num_features
    told, running_ones = 0, 0  # a channel that the activation sets to zero in both cases does not tell
    for seed in range(50):
        torch.manual_seed(seed)
        found = np.maximum(norm(x).detach().numpy(), 0)  # with or without its activation
        assert norm.running_mean is not None and norm.running_var is not None
        by_batch = normalised(x.numpy(), x.numpy().mean((0, 2, 3)), x.numpy().var((0, 2, 3)), norm)
        by_running = normalised(x.numpy(), norm.running_mean.numpy(), norm.running_var.numpy(), norm)
        is_batch, is_running = (np.isclose(found, one).all((0, 2, 3)) for one in (by_batch, by_running))
        assert (is_batch | is_running).all()
        told += int((is_running ^ is_batch).sum())
        running_ones += int((is_running & ~is_batch).sum())
        norm.running_mean.zero_()
    assert told > 25 * n
    assert running_ones / told == pytest.approx(0.3, abs=4 * (0.21 / told) ** 0.5)


def test_in_evaluation_and_once_merged_it_is_plain_batch_normalisation() -> None:
    net, norm = built()
    kind = type(norm)
    x = batch(norm)
    with torch.no_grad():
        before = norm.eval()(x)
        make(AdapterSpec("stochastic_norm")).merge(net)
        assert type(norm) is not kind and torch.equal(norm(x), before)
        assert torch.equal(norm.train()(x), norm(x)), "nothing is drawn any more"
    assert not any("Stochastic" in type(m).__name__ for m in net.modules())


def test_layers_that_never_learn_keep_theirs() -> None:
    net, _ = built()
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            changed = type(module).__name__.startswith("Stochastic")
            assert changed == (net.layer_of[f"{name}.running_mean"] >= 2), name


def test_a_share_of_nought_is_plain_fine_tuning_and_another_is_not() -> None:
    plain = spec("test_resnet", boundary=2)
    runs = [train(plain)]
    runs += [
        train(dataclasses.replace(plain, adapter=AdapterSpec("stochastic_norm", {"share": p}))) for p in (0.0, 0.5)
    ]
    states = [run.net.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_a_network_without_batch_normalisation_says_so() -> None:
    asked = dataclasses.replace(spec("test_vit"), adapter=AdapterSpec("stochastic_norm"))
    assert any("changes nothing" in note for note in build_network(asked, domain())[0].notes)
