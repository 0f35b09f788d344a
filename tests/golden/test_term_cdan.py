"""CDAN against Long et al. (2018), §3: outer products by loops, entropy weights, the random projection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.steps import differences, forward, gradient, module_of, side, softmax, step
from tltk import terms
from tltk.nn.multilinear import ConditionalDiscriminator
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(5)
FS, FT = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)) + 0.7
ZS, ZT = RNG.normal(size=(5, 2)), RNG.normal(size=(4, 2)) * 2


def made(**knobs: Any) -> Any:
    term = terms.make(TermSpec("cdan", {"hidden": 6, **knobs}))
    return term, module_of(term, 3, 2)


def outer(f: Any, g: Any) -> Any:
    return np.array([[a * b for a in one for b in other] for one, other in zip(f, g, strict=True)])


def paper(module: Any, fs: Any, zs: Any, ft: Any, zt: Any, entropy: Any) -> float:
    total = 0.0
    for f, z, sign in ((fs, zs, -1), (ft, zt, 1)):
        g = softmax(z)
        h = -(g * np.log(g)).sum(1)
        w = 1 + np.exp(-h) if entropy else np.ones(len(g))
        total += (w * np.log1p(np.exp(-sign * forward(module, outer(f, g))))).mean()
    return total


@pytest.mark.parametrize("entropy", [False, True])
def test_equals_the_paper(entropy: Any) -> None:
    term, module = made(entropy=entropy, weight=0.5, gamma=4.0)
    source, target = side(FS, ZS), side(FT, ZT)
    value = term(step(source, target, module, 0.6))
    value.backward()
    assert value.item() == pytest.approx(paper(module, FS, ZS, FT, ZT, entropy), rel=1e-6)
    strength = 0.5 * (2 / (1 + math.exp(-4 * 0.6)) - 1)
    for at, tensor in enumerate((source.features, source.logits, target.features, target.logits)):
        given = [FS, ZS, FT, ZT]

        def moved(x: Any, at: Any = at, given: Any = given) -> Any:
            fs, zs, ft, zt = (x if i == at else one for i, one in enumerate(given))
            return paper(module, fs, zs, ft, zt, entropy)

        np.testing.assert_allclose(gradient(tensor), -strength * differences(moved, given[at]), rtol=2e-4, atol=1e-7)


def test_a_uniform_prediction_leaves_the_discriminator_the_features_alone() -> None:
    """g = 1/C: T(h) is f, C times over, and every picture weighs 1 + 1/C."""
    term, module = made()
    source, target = side(FS, np.zeros((5, 2))), side(FT, np.zeros((4, 2)))
    expected = 1.5 * paper(module, FS, np.zeros((5, 2)), FT, np.zeros((4, 2)), False)
    assert term(step(source, target, module)).item() == pytest.approx(expected, rel=1e-6)


def test_the_random_projection_keeps_inner_products() -> None:
    """E⟨T(h), T(h′)⟩ = ⟨f, f′⟩⟨g, g′⟩; it is used above 4096 numbers, and stays as it was drawn."""
    torch.manual_seed(1)
    made_of = ConditionalDiscriminator(500, 10, 8)
    assert made_of.random and not ConditionalDiscriminator(409, 10, 8).random
    assert {name for name, _ in made_of.named_buffers()} == {"of_features", "of_classes"}
    f, g = torch.rand(40, 500) / 500**0.5, torch.eye(10)[torch.arange(40) % 10]
    t = made_of.combine(f, g)
    exact = (f @ f.T) * (g @ g.T)
    assert t.shape == (40, 1024)
    assert float((t @ t.T - exact).abs().mean()) < 0.05 * float(exact.max())
