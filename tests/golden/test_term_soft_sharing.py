"""Soft sharing: the second network's cross-entropy and the coupling, in float64 NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from tests.support.steps import Floats, Reports, differences, reported
from tltk.terms.soft_sharing import SoftSharing
from tltk.terms.term import Side, Step

DRAW = np.random.default_rng(6)
X, NUMBERS = DRAW.normal(size=(9, 5)), DRAW.integers(0, 2, 9)
NAMES = ("backbone.a", "backbone.b", "backbone.c", "head.w")
SHAPES = {"backbone.a": (4, 5), "backbone.b": (4, 4), "backbone.c": (3, 4), "head.w": (2, 3)}


class Layers(nn.Module):
    """Three layers without activations and a head; the first is frozen."""

    depth = 3

    def __init__(self, weights: dict[str, Floats]) -> None:
        super().__init__()
        self.layer_of = {name: i for i, name in enumerate(NAMES)}
        self.backbone, self.head = nn.Module(), nn.Module()
        for name, w in weights.items():
            part, at = name.split(".")
            getattr(self, part).register_parameter(at, nn.Parameter(torch.from_numpy(w), name != "backbone.a"))

    def side(self, x: torch.Tensor, attributes: dict[str, torch.Tensor]) -> Side:
        w = dict(self.named_parameters())
        features = x @ w["backbone.a"].T @ w["backbone.b"].T @ w["backbone.c"].T
        return Side(features, features @ w["head.w"].T, None, attributes=attributes)


def weights(seed: int) -> dict[str, Floats]:
    draw = np.random.default_rng(seed)
    return {name: draw.normal(size=shape) for name, shape in SHAPES.items()}


def value(one: dict[str, Floats], other: dict[str, Floats], w: float, coupling: float, decay: float) -> float:
    logits = X @ other["backbone.a"].T @ other["backbone.b"].T @ other["backbone.c"].T @ other["head.w"].T
    loss = -log_softmax(logits, axis=1)[np.arange(9), NUMBERS].mean()
    gaps = [np.square(one[name] - other[name]).sum() for name in ("backbone.b", "backbone.c")]
    return float(w * loss + coupling * (gaps[0] + decay * gaps[1]))


@pytest.mark.parametrize(("w", "coupling", "decay"), [(1.0, 0.5, 1.0), (0.3, 2.0, 0.25), (0.7, 0.1, 0.0)])
def test_it_is_its_equation_with_its_gradient(w: float, coupling: float, decay: float) -> None:
    one, other = weights(1), weights(2)
    first, second = Layers(one), Layers(other)
    numbers = {"parity": torch.from_numpy(NUMBERS)}
    x = torch.from_numpy(X)
    batch = first.side(x, numbers)

    def through(net: Any) -> Side:
        found: Side = net.side(x, numbers)
        return found

    target = Side(batch.features, batch.logits, None, attributes=numbers, through=through)
    net: Any = first
    step = Step(target, None, net, {}, 0.0, second, report=Reports())
    found = SoftSharing(weight=w, coupling=coupling, decay=decay)(step)
    found.backward()
    assert found.item() == pytest.approx(value(one, other, w, coupling, decay), rel=1e-12)
    for name in NAMES[1:]:
        for net_, own, rest in ((first, one, other), (second, other, one)):

            def moved(
                x: Floats, own: Any = own, rest: Any = rest, name: str = name, mine: bool = net_ is first
            ) -> float:
                changed = {**own, name: x}
                one, other = (changed, rest) if mine else (rest, changed)
                return value(one, other, w, coupling, decay)

            parameter: Any = dict(net_.named_parameters())[name]
            np.testing.assert_allclose(gradient_of(parameter), differences(moved, own[name]), atol=1e-7)
    frozen: Any = dict(second.named_parameters())["backbone.a"]
    assert frozen.grad is None
    gap = np.sqrt(sum(np.square(one[n] - other[n]).sum() for n in ("backbone.b", "backbone.c")))
    assert reported(step)["distance"] == pytest.approx(gap)


def gradient_of(parameter: torch.Tensor) -> Floats:
    return np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
