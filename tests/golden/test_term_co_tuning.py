"""Co-tuning against You et al. (2020), in float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from tests.support.toy import N_IN, Toy, classifier, draw, start, step
from tltk import terms
from tltk.specs.parts import TermSpec

X, Y = draw(9, N_IN, seed=3), torch.tensor([0, 1, 1, 0, 0, 1, 0, 0, 0])


def logits(net: Toy) -> np.ndarray:
    old = classifier()
    return np.asarray(net.side(X).features.detach().numpy() @ old.weight.numpy().T + old.bias.numpy())


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_relation_is_the_mean_answer_of_each_class(temperature: float) -> None:
    net = Toy()
    term = terms.make(TermSpec("co_tuning", {"temperature": temperature}))
    found = term.prepare(start(net, X, Y))["relation"].numpy()
    answers = softmax(logits(net) / temperature, axis=1)
    assert found == pytest.approx(np.stack([answers[Y.numpy() == t].mean(0) for t in (0, 1)]), rel=1e-12)
    assert found.sum(1) == pytest.approx(1)


def test_it_is_the_cross_entropy_from_the_relation() -> None:
    net = Toy()
    relation = softmax(draw(2, 3, seed=8).numpy(), axis=1)
    term = terms.make(TermSpec("co_tuning", {"weight": 1.5}))
    found = term(step(net, net.side(X, Y), prepared={"relation": torch.from_numpy(relation)}))
    expected = -1.5 * np.mean([relation[t] @ row for t, row in zip(Y, log_softmax(logits(net), axis=1), strict=True)])
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)


def test_with_labels_of_old_classes_it_is_their_cross_entropy() -> None:
    """Where each new class is one old class, the term is the loss of the old task."""
    net = Toy()
    found = terms.make(TermSpec("co_tuning", {"weight": 1.0}))(
        step(net, net.side(X, Y), prepared={"relation": torch.eye(3, dtype=torch.float64)[:2]})
    )
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits(net)), Y)
    assert float(found.detach()) == pytest.approx(float(expected), rel=1e-6)
