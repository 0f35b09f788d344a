"""Rotation against Gidaris et al. (2018), Eq. 1–3: the turned pictures by NumPy, the loss over pictures and turns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.support.engine import domain, spec
from tests.support.steps import Floats, gradient, softmax
from tltk.terms.rotation import Rotation, quarter_turns
from tltk.terms.term import Step
from tltk.training import compose

PICTURES = np.random.default_rng(5).normal(size=(3, 2, 6, 6))


def test_each_picture_is_turned_by_its_number_of_quarters() -> None:
    turned, turns = quarter_turns(torch.tensor(PICTURES))
    assert turned.shape == (12, 2, 6, 6) and turns.bincount().tolist() == [3, 3, 3, 3]
    for i, k in enumerate(turns.tolist()):
        np.testing.assert_array_equal(turned[i].numpy(), np.rot90(PICTURES[i % 3], k, axes=(1, 2)))


def test_equals_the_paper() -> None:
    net, _ = compose.build_network(spec("test_vit"), domain())
    net = net.double().eval()
    torch.manual_seed(0)
    module = Rotation().module(net.width, 3).double()
    pictures = torch.randn(3, *net.shape, dtype=torch.float64)
    told: dict[str, float] = {}
    asked = Step(
        None,
        None,
        net,
        {},
        0.0,
        module,
        report=lambda name, value: told.update({name: value.item()}),
        pictures=pictures,
        draw=torch.Generator(),
    )
    value = Rotation(weight=0.5)(asked)
    value.backward()
    total, right = 0.0, 0
    weight, bias = (p.detach().double().numpy() for p in module.parameters())
    slope: Floats = np.zeros(weight.shape)
    for x in pictures.numpy():
        for y in range(4):
            with torch.no_grad():
                features = net(torch.tensor(np.rot90(x, y, axes=(1, 2)).copy()[None]))[0].numpy()
            p = softmax(features @ weight.T + bias)[0]
            total -= math.log(p[y])
            right += int(p.argmax() == y)
            slope += 0.5 * np.outer(p - np.eye(4)[y], features[0]) / 12
    assert value.item() == pytest.approx(0.5 * total / 12, rel=1e-5)
    assert told["accuracy"] == pytest.approx(right / 12)
    np.testing.assert_allclose(gradient(next(module.parameters())), slope, rtol=1e-4, atol=1e-7)
