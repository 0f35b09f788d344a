"""DANN against Ganin et al. (2016), Eq. 9 and §5.2.2: its value in NumPy, its turned gradient by differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.steps import differences, forward, gradient, module_of, reported, side, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(4)
S, T = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)) + 0.7


def made(**knobs: Any) -> Any:
    term = terms.make(TermSpec("dann", {"hidden": 6, **knobs}))
    return term, module_of(term, 3, 2)


def paper(module: Any, s: Any, t: Any) -> Any:
    """The cross-entropies of Eq. 9: −log(1 − σ(D(x))) of the source, −log σ(D(x)) of the target."""
    of_source, of_target = forward(module, s), forward(module, t)
    return -np.log(1 - 1 / (1 + np.exp(-of_source))).mean() - np.log(1 / (1 + np.exp(-of_target))).mean()


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_equals_the_paper(progress: Any) -> None:
    term, module = made(weight=0.5, gamma=4.0)
    source, target = side(S), side(T)
    asked = step(source, target, module, progress)
    value = term(asked)
    value.backward()
    assert value.item() == pytest.approx(paper(module, S, T), rel=1e-6)
    strength = 0.5 * (2 / (1 + math.exp(-4 * progress)) - 1)
    assert reported(asked)["lambda"] == pytest.approx(strength)
    expected = -strength * differences(lambda x: paper(module, x, T), S)
    np.testing.assert_allclose(gradient(source.features), expected, rtol=1e-4, atol=1e-8)
    expected = -strength * differences(lambda x: paper(module, S, x), T)
    np.testing.assert_allclose(gradient(target.features), expected, rtol=1e-4, atol=1e-8)
    right = ((forward(module, S) < 0).mean() + (forward(module, T) > 0).mean()) / 2
    assert reported(asked)["accuracy"] == pytest.approx(right)


def test_the_discriminator_learns_at_the_full_rate_whatever_the_weight() -> None:
    gradients = []
    for weight in (1e-3, 1.0):
        term, module = made(weight=weight)
        term(step(side(S), side(T), module)).backward()
        gradients.append([gradient(p) for p in module.parameters()])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)
    *_, bias = module.parameters()
    kept = float(bias.detach())

    def moved(b: Any) -> Any:
        with torch.no_grad():
            bias.fill_(float(b[0]))
        return paper(module, S, T)

    np.testing.assert_allclose(gradients[1][-1], differences(moved, np.array([kept])), rtol=1e-4)


def test_domains_that_cannot_be_told_apart_cost_twice_log_two() -> None:
    term, module = made()
    for p in module.parameters():
        torch.nn.init.zeros_(p)
    assert term(step(side(S), side(S), module)).item() == pytest.approx(2 * math.log(2))
