"""Minimum class confusion against Jin et al. (2020), §3, by loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support.steps import differences, gradient, side, softmax, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(8)
Z = RNG.normal(size=(6, 4)) * 3
OTHER = side(np.zeros((6, 2)), np.zeros((6, 4)))


def weights(z: Any, temperature: Any) -> Any:
    p = softmax(z / temperature)
    sure = [1 + math.exp(sum(a * math.log(a) for a in row)) for row in p]
    return [len(z) * w / sum(sure) for w in sure]


def paper(z: Any, w: Any, temperature: Any) -> Any:
    p = softmax(z / temperature)
    n, c = p.shape
    confusion = [[sum(w[i] * p[i, j] * p[i, k] for i in range(n)) for k in range(c)] for j in range(c)]
    return sum(confusion[j][k] / sum(confusion[j]) for j in range(c) for k in range(c) if j != k) / c


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_equals_the_paper(temperature: Any) -> None:
    term = terms.make(TermSpec("mcc", {"weight": 0.5, "temperature": temperature}))
    target = side(np.zeros((6, 2)), Z)
    value = term(step(OTHER, target))
    value.backward()
    held = weights(Z, temperature)
    assert value.item() == pytest.approx(0.5 * paper(Z, held, temperature), rel=1e-5)
    slope = differences(lambda z: 0.5 * paper(z, held, temperature), Z)
    np.testing.assert_allclose(gradient(target.logits), slope, rtol=1e-3, atol=1e-6)


def test_its_limits() -> None:
    """Sure predictions of every class cost nothing; uniform ones cost 1 − 1/C."""
    term = terms.make(TermSpec("mcc", {"temperature": 1.0}))
    assert term(step(OTHER, side(np.zeros((4, 2)), 60 * np.eye(4)))).item() == pytest.approx(0, abs=1e-6)
    assert term(step(OTHER, side(np.zeros((4, 2)), np.zeros((4, 4))))).item() == pytest.approx(0.75)
    assert terms.make(TermSpec("mcc")) == terms.make(TermSpec("mcc", {"temperature": 2.5})), "the paper's"
