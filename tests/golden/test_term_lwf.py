"""LwF against Li and Hoiem (2016), Eq. 2–4, in float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from tests.support.toy import N_IN, Toy, classifier, draw, start, step
from tltk import terms
from tltk.specs.parts import TermSpec

X = draw(9, N_IN, seed=3)
LWF = TermSpec("lwf", {"weight": 3.0})


def logits(net: Toy) -> np.ndarray:
    old = classifier()
    return np.asarray(net.side(X).features.detach().numpy() @ old.weight.numpy().T + old.bias.numpy())


def test_it_is_the_cross_entropy_from_the_old_answers_at_temperature_two() -> None:
    net, order = Toy(), torch.tensor([4, 0, 7, 7])
    term = terms.make(LWF)
    prepared = term.prepare(start(net, X))
    # Eq. 3: probabilities to the power 1/T, normalised anew
    powers = softmax(logits(net), axis=1) ** 0.5
    then = powers / powers.sum(1, keepdims=True)
    assert prepared["answers"].numpy() == pytest.approx(then, rel=1e-12)
    with torch.no_grad():
        net.backbone.weight += 0.3 * draw(4, N_IN, seed=10)
    expected = -3 * (then * log_softmax(logits(net) / 2, axis=1)).sum(1)[order.numpy()].mean()
    found = term(step(net, net.side(X[order], positions=order), prepared=prepared))
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)


def test_at_the_start_it_asks_for_nothing() -> None:
    """The cross-entropy is then the entropy of the answers, and its gradient vanishes."""
    net = Toy()
    term = terms.make(LWF)
    prepared = term.prepare(start(net, X))
    term(step(net, net.side(X), prepared=prepared)).backward()
    assert net.backbone.weight.grad is not None
    assert net.backbone.weight.grad.abs().max() < 1e-6
