"""Denoising against Vincent et al. (2010), §2.2 and §3: corruptions one by one, and the error in NumPy."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.engine import NETS, domain, spec
from tltk.nn.freeze import freeze
from tltk.nn.net import Net
from tltk.strategies.phase import Phase
from tltk.terms.denoising import Denoising, corrupt
from tltk.terms.term import Setting, Step
from tltk.training import compose


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_masking_sets_a_share_to_zero_and_leaves_the_rest() -> None:
    x = torch.randn(50, 3, 20, 20, generator=draw(1))
    found = corrupt(x, "masking", 0.25, draw())
    gone = found != x
    assert bool((found[gone] == 0).all()) and float(gone.float().mean()) == pytest.approx(0.25, abs=0.01)


def test_salt_and_pepper_is_the_greatest_or_the_least_half_and_half() -> None:
    x = torch.randn(50, 3, 20, 20, generator=draw(1))
    found = corrupt(x, "salt_and_pepper", 0.4, draw())
    hit = found[found != x]
    assert set(hit.unique().tolist()) == {float(x.min()), float(x.max())}
    assert len(hit) / x.numel() == pytest.approx(0.4, abs=0.01)
    assert float((hit == x.max()).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_gaussian_noise_has_the_deviation_that_is_asked_for() -> None:
    x = torch.randn(50, 3, 20, 20, generator=draw(1))
    noise = (corrupt(x, "gaussian", 0.3, draw()) - x).numpy()
    assert noise.mean() == pytest.approx(0, abs=0.01) and noise.std() == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("noise", ["masking", "gaussian", "salt_and_pepper"])
def test_at_level_zero_nothing_is_corrupted(noise: str) -> None:
    x = torch.randn(4, 3, 5, 5, generator=draw(1))
    assert torch.equal(corrupt(x, noise, 0.0, draw()), x)


def only(net: Net, layers: tuple[int, ...]) -> Phase:
    """A phase in which these layers learn."""
    phase = Phase(tuple(float(i in layers) for i in range(net.depth + 1)), 1)
    freeze(net, phase.boundary, above=phase.frozen_above)
    return phase


def outputs(net: Net, name: str, x: torch.Tensor) -> torch.Tensor:
    """What a module of the backbone gives for x, before an activation in place alters it."""
    found: list[torch.Tensor] = []
    hook = net.backbone.get_submodule(name).register_forward_hook(
        lambda _m, _i, out: found.append(out.detach().clone())
    )
    with torch.no_grad():
        net.backbone(x)
    hook.remove()
    return found[0]


@pytest.mark.parametrize("backbone", NETS)
@pytest.mark.parametrize("layers", [(0,), (2,), (1, 2)])
def test_equals_the_paper(backbone: str, layers: tuple[int, ...]) -> None:
    """The layers that learn see their input corrupted, and are asked for it as it was."""
    net, _ = compose.build_network(spec(backbone), domain())
    net = net.double().eval()
    term = Denoising(noise="masking", level=0.3, weight=0.5)
    module: Any = term.build(Setting(net, 3, nn.Identity, phases=[only(net, layers)]))
    module = module.double()
    (decoder,) = module.values()
    pictures = torch.randn(3, *net.shape, generator=draw(1), dtype=torch.float64)
    value = term(Step(None, None, net, {}, 0.0, module, pictures=pictures, draw=draw()))
    below = next((e for e in reversed(module.ends[: layers[0]]) if e), "")
    clean = outputs(net, below, pictures) if below else pictures
    noisy = corrupt(clean, "masking", 0.3, draw())
    if below:
        hook = net.backbone.get_submodule(below).register_forward_hook(lambda *_: noisy)
    top = outputs(net, module.ends[layers[-1]], pictures if below else noisy)
    if below:
        hook.remove()
    error = decoder(top).detach().numpy().astype(np.float64) - decoder.target(clean).numpy().astype(np.float64)
    assert value.item() == pytest.approx(0.5 * (error**2).mean(), rel=1e-5)
    value.backward()
    reached = {net.layer_of[n] for n, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached == set(layers), "no other layer learns"


def test_the_decoder_of_a_layer_maps_each_place_to_its_patch() -> None:
    """One affine map for all places: moving a place's output moves the patch that it is decoded to."""
    net, _ = compose.build_network(spec("test_resnet"), domain())
    module: Any = Denoising().build(Setting(net, 3, nn.Identity, phases=[only(net, (0,))]))
    (decoder,) = module.values()
    shape = outputs(net, module.ends[0], net.sample(1)).shape
    y = torch.randn(shape, generator=draw(2))
    rolled = decoder(y.roll((1, 2), (2, 3)))
    step = decoder.patch
    assert torch.allclose(rolled, decoder(y).roll((step[0], 2 * step[1]), (2, 3)), atol=1e-6)


def test_where_no_layer_learns_there_is_nothing_to_denoise() -> None:
    net, _ = compose.build_network(spec(), domain())
    phase = only(net, (net.depth,))
    module: Any = Denoising().build(Setting(net, 3, nn.Identity, phases=[phase]))
    value = Denoising()(Step(None, None, net, {}, 0.0, module, pictures=net.sample(2), draw=draw()))
    assert value.item() == 0 and not list(module.parameters())


def test_the_same_draw_gives_the_same_value() -> None:
    net, phases = compose.build_network(spec(), domain())
    module = Denoising().build(Setting(net, 3, nn.Identity, phases=phases))
    step = Step(None, None, net.eval(), {}, 0.0, module, pictures=net.sample(2, draw(3)), draw=draw())
    one, other = (Denoising()(dataclasses.replace(step, draw=draw(seed))).item() for seed in (4, 4))
    assert one == other != Denoising()(dataclasses.replace(step, draw=draw(5))).item()
