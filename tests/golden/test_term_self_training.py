"""Self-training against Sohn et al. (2020), Eq. 4 without its augmentation: picture by picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support.steps import differences, gradient, reported, side, softmax, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(10)
Z = RNG.normal(size=(12, 3)) * 2
OTHER = side(np.zeros((4, 2)), np.zeros((4, 3)))
LABELS = Z.argmax(1)


def paper(z: Any, threshold: Any) -> Any:
    """Which pictures count is settled at Z."""
    taken = softmax(Z).max(1) >= threshold
    return sum(-math.log(q[y]) for q, y, on in zip(softmax(z), LABELS, taken, strict=True) if on) / len(z)


@pytest.mark.parametrize("threshold", [0.0, 0.8, 1.0])
def test_equals_the_paper(threshold: Any) -> None:
    term = terms.make(TermSpec("self_training", {"weight": 0.5, "threshold": threshold}))
    target = side(np.zeros((12, 2)), Z)
    asked = step(OTHER, target)
    value = term(asked)
    value.backward()
    assert value.item() == pytest.approx(0.5 * paper(Z, threshold), rel=1e-5)
    slope = differences(lambda z: 0.5 * paper(z, threshold), Z)
    np.testing.assert_allclose(gradient(target.logits), slope, rtol=1e-3, atol=1e-7)
    share = (softmax(Z).max(1) >= threshold).mean()
    assert reported(asked)["confident"] == pytest.approx(share)
    assert (threshold, share) in ((0.0, 1.0), (1.0, 0.0)) or 0 < share < 1


def test_the_defaults_are_fixmatch_s() -> None:
    assert terms.make(TermSpec("self_training")) == terms.make(
        TermSpec("self_training", {"threshold": 0.95, "weight": 1.0})
    )
