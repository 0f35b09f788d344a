"""Distillation against Hinton et al. (2015), in float64 NumPy: value, gradient, and why T² is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from tests.support.toy import Toy, draw, step
from tltk import terms
from tltk.specs.parts import TermSpec
from tltk.terms.term import Side

V, Z = draw(6, 5, seed=1), draw(6, 5, seed=2)


def value(z: torch.Tensor, order: torch.Tensor, temperature: float, weight: float = 1.0) -> torch.Tensor:
    knobs = {"teacher": "run:any", "temperature": temperature, "weight": weight}
    answers = torch.from_numpy(softmax(V.numpy() / temperature, axis=1))
    side = Side(z, z, None, order)
    return terms.make(TermSpec("distillation", knobs))(step(Toy(), side, prepared={"answers": answers}))


def test_it_is_the_cross_entropy_from_the_softened_answers_times_t_squared() -> None:
    order = torch.tensor([5, 0, 3])
    found = value(Z[:3], order, 3.0, 0.7)
    p, q = softmax(V.numpy()[order] / 3, axis=1), log_softmax(Z.numpy()[:3] / 3, axis=1)
    assert float(found) == pytest.approx(-0.7 * 9 * (p * q).sum(1).mean(), rel=1e-6)


def test_the_gradient_is_eq_2_times_t_squared() -> None:
    z = Z.clone().requires_grad_()
    value(z, torch.arange(6), 2.0).backward()
    expected = 4 * (softmax(Z.numpy() / 2, axis=1) - softmax(V.numpy() / 2, axis=1)) / 2 / 6
    assert z.grad is not None and z.grad.numpy() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_hot_answers_match_logits() -> None:
    """Eq. 4: for a large T the gradient is that of ½(z − v)² on logits of mean zero, over the number of classes."""
    z = Z.clone().requires_grad_()
    value(z, torch.arange(6), 100.0).backward()
    centred = [x.numpy() - x.numpy().mean(1, keepdims=True) for x in (Z, V)]
    assert z.grad is not None
    assert z.grad.numpy() == pytest.approx((centred[0] - centred[1]) / 5 / 6, rel=0.05, abs=2e-3)
    assert np.abs(z.grad.numpy()).max() > 0.05
