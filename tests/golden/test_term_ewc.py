"""EWC against Kirkpatrick et al. (2017), Eq. 3, with derivatives written down by hand in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from tests.support.toy import N_IN, Toy, classifier, draw, start, step
from tltk import terms
from tltk.errors import BadSpec
from tltk.specs.parts import TermSpec

X = draw(12, N_IN, seed=3)


def gradients(net: Toy, y: np.ndarray) -> np.ndarray:
    """∂ log p(y|x) / ∂W of each picture, (n, width, inputs): ((e_y − p)ᵀ V ∘ (1 − f²)) xᵀ."""
    x, w = X.numpy(), net.backbone.weight.detach().numpy()
    old = classifier()
    v, b = old.weight.numpy(), old.bias.numpy()
    f = np.tanh(x @ w.T)
    p = np.exp(f @ v.T + b)
    p /= p.sum(1, keepdims=True)
    return (((np.eye(len(v))[y] - p) @ v) * (1 - f**2))[:, :, None] * x[:, None, :]


def answers(net: Toy) -> np.ndarray:
    old = classifier()
    z = np.tanh(X.numpy() @ net.backbone.weight.detach().numpy().T) @ old.weight.numpy().T + old.bias.numpy()
    p = np.exp(z)
    return np.asarray(p / p.sum(1, keepdims=True))


def fisher_of(prepared: Mapping[str, torch.Tensor], weight: float = 400.0) -> torch.Tensor:
    """F, of √(λF)."""
    return prepared["backbone.weight"].square() / weight


def test_the_fisher_information_is_the_mean_of_the_squares_of_each_picture_s_gradient() -> None:
    net, y = Toy(), np.arange(12) % 3
    found = terms.make(TermSpec("ewc", {"labels": "data"})).prepare(start(net, X, known=torch.from_numpy(y)))
    assert set(found) == {"backbone.weight"}, "the new head is not consolidated"
    each = gradients(net, y)
    assert fisher_of(found).numpy() == pytest.approx((each**2).mean(0), rel=1e-10)
    of_the_mean = each.mean(0) ** 2
    assert (fisher_of(found).numpy() > 2 * of_the_mean).mean() > 0.9, "not the square of the batch's gradient"


def test_labels_of_the_model_give_its_expectation() -> None:
    """Over many draws: Σ_y p(y|x) (∂ log p(y|x))², within five standard errors."""
    net = Toy()
    p = answers(net)
    n = 12 * 300
    exact, fourth = (
        sum((p[:, c, None, None] * gradients(net, np.full(12, c)) ** k).mean(0) for c in range(3)) for k in (2, 4)
    )
    many = torch.cat([X] * 300)
    found = terms.make(TermSpec("ewc", {"pictures": 0})).prepare(start(net, many))
    assert (np.abs(fisher_of(found).numpy() - exact) < 5 * np.sqrt((fourth - exact**2) / n)).all()
    assert float(fisher_of(found).sum()) == pytest.approx(float(np.sum(exact)), rel=0.05)


def test_pictures_whose_class_is_not_known_do_not_count() -> None:
    net, y = Toy(), np.array([0, -1, 2, 1, -1, 0, 1, 2, 0, 1, -1, 2])
    term = terms.make(TermSpec("ewc", {"labels": "data"}))
    found = term.prepare(start(net, X, known=torch.from_numpy(y)))
    expected = (gradients(net, y)[y >= 0] ** 2).mean(0)
    assert fisher_of(found).numpy() == pytest.approx(expected, rel=1e-10)
    for known in (None, torch.full((12,), -1)):
        with pytest.raises(BadSpec, match="ewc:labels=model"):
            term.prepare(start(net, X, known=known))


def test_the_penalty_and_its_gradient() -> None:
    net = Toy()
    first = {name: p.detach().clone() for name, p in net.named_parameters()}
    fisher = draw(4, N_IN, seed=9).square()
    with torch.no_grad():
        net.backbone.weight += draw(4, N_IN, seed=10)
        net.head.weight += 1
    term = terms.make(TermSpec("ewc", {"weight": 7.0}))
    found = term(step(net, net.side(X), start=first, prepared={"backbone.weight": (7 * fisher).sqrt()}))
    gap = (net.backbone.weight.detach() - first["backbone.weight"]).numpy()
    assert float(found.detach()) == pytest.approx(7 / 2 * (fisher.numpy() * gap**2).sum(), rel=1e-12)
    found.backward()
    assert net.backbone.weight.grad is not None and net.head.weight.grad is None
    assert net.backbone.weight.grad.numpy() == pytest.approx(7 * fisher.numpy() * gap, rel=1e-12)
