"""Relational distillation against Park et al. (2019): loops over pairs and triples in float64."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch

from tests.support.toy import Toy, draw, step
from tltk import terms
from tltk.specs.parts import TermSpec
from tltk.terms.term import Side


def value(now: torch.Tensor, then: torch.Tensor, **given: float) -> torch.Tensor:
    term = terms.make(TermSpec("relational_distillation", given))
    return term(step(Toy(), Side(now, now, None), teacher=Side(then, then, None)))


def huber(x: float, y: float) -> float:
    gap = abs(x - y)
    return gap**2 / 2 if gap <= 1 else gap - 0.5


def expected(now: np.ndarray, then: np.ndarray, angle: float) -> float:
    pairs, triples = (list(permutations(range(len(now)), k)) for k in (2, 3))

    def distance(x: np.ndarray, i: int, j: int) -> float:
        mean = np.mean([np.linalg.norm(x[a] - x[b]) for a, b in pairs])
        return float(np.linalg.norm(x[i] - x[j]) / mean)

    def cosine(x: np.ndarray, i: int, j: int, k: int) -> float:
        a, b = x[i] - x[j], x[k] - x[j]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    of_pairs = np.mean([huber(distance(now, *p), distance(then, *p)) for p in pairs])
    of_triples = np.mean([huber(cosine(now, *t), cosine(then, *t)) for t in triples])
    return float(of_pairs + angle * of_triples)


@pytest.mark.parametrize("angle", [0.0, 2.0])
@pytest.mark.parametrize("scale", [0.1, 20.0], ids=["near", "one far picture"])
def test_it_equals_the_paper(angle: float, scale: float) -> None:
    now, then = draw(7, 4, seed=1), draw(7, 6, seed=2)  # features of other widths have relations too
    now[0] *= scale
    found = value(now, then, weight=3.0, angle=angle)
    assert float(found) == pytest.approx(3 * expected(now.numpy(), then.numpy(), angle), rel=1e-5)


def test_features_may_turn_move_and_grow() -> None:
    x = draw(6, 4, seed=3)
    turn = torch.linalg.qr(draw(4, 4, seed=4)).Q
    assert float(value(5 * x @ turn + 1, x)) == pytest.approx(0, abs=1e-9)
    assert float(value(x**3, x)) > 0.1


def test_pictures_that_are_one_leave_the_gradient_a_number() -> None:
    x = draw(5, 4, seed=5)
    x[1] = x[0]
    for batch in (x, x[:1], torch.zeros_like(x)):
        now = batch.clone().requires_grad_()
        value(now, draw(*batch.shape, seed=6)).backward()
        assert now.grad is not None and bool(now.grad.isfinite().all())
