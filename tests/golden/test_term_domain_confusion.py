"""Domain confusion against Tzeng et al. (2015), Eq. 3 and 4: two losses, each moving what it is for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.steps import differences, forward, gradient, module_of, reported, side, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(9)
S, T = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)) + 0.7


def made(weight: Any) -> Any:
    term = terms.make(TermSpec("domain_confusion", {"hidden": 6, "weight": weight}))
    return term, module_of(term, 3, 2)


def answers(module: Any, x: Any) -> Any:
    """q of the two domains, (n, 2)."""
    q = 1 / (1 + np.exp(-forward(module, x)))
    return np.stack([1 - q, q], 1)


def classifier(module: Any, s: Any, t: Any) -> float:
    return -(np.log(answers(module, s)[:, 0]).mean() + np.log(answers(module, t)[:, 1]).mean()) / 2


def confusion(module: Any, s: Any, t: Any) -> float:
    return -sum(np.log(answers(module, x)).sum(1).mean() / 2 for x in (s, t)) / 2


def test_equals_the_paper() -> None:
    term, module = made(0.3)
    source, target = side(S), side(T)
    asked = step(source, target, module)
    value = term(asked)
    value.backward()
    assert value.item() == pytest.approx(classifier(module, S, T) + 0.3 * confusion(module, S, T), rel=1e-6)
    assert reported(asked)["confusion"] == pytest.approx(confusion(module, S, T), rel=1e-6)
    slope = differences(lambda x: 0.3 * confusion(module, x, T), S)
    np.testing.assert_allclose(gradient(source.features), slope, rtol=1e-4, atol=1e-8)
    slope = differences(lambda x: 0.3 * confusion(module, S, x), T)
    np.testing.assert_allclose(gradient(target.features), slope, rtol=1e-4, atol=1e-8)
    first, *_ = module.parameters()
    start = first.detach().numpy().copy()

    def moved(w: Any) -> Any:
        with torch.no_grad():
            first.copy_(torch.from_numpy(w))
        return classifier(module, S, T)

    np.testing.assert_allclose(gradient(first), differences(moved, start), rtol=1e-4, atol=1e-8)


def test_an_undecided_classifier_is_the_least_confusion_there_is() -> None:
    term, module = made(1.0)
    for p in module.parameters():
        torch.nn.init.zeros_(p)
    asked = step(side(S), side(T), module)
    assert term(asked).item() == pytest.approx(2 * math.log(2))
    assert reported(asked)["confusion"] == pytest.approx(math.log(2))
    with torch.no_grad():
        list(module.parameters())[-1].fill_(2.0)
    term(asked)
    assert reported(asked)["confusion"] > math.log(2)
