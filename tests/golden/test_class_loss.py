"""Losses for classes of unlike size, against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from tltk.errors import BadSpec
from tltk.specs.parts import OptimSpec
from tltk.tasks import Classification, ClassLoss

COUNTS = [50, 10, 4, 0]
N, C = 12, 4


def batch() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    return draw.normal(0, 2, (N, C)), draw.integers(0, 3, N)


def value(optim: OptimSpec, smoothing: float = 0.0) -> float:
    z, y = batch()
    return float(ClassLoss.of(optim, COUNTS)(torch.tensor(z), torch.tensor(y), smoothing))


def expected(weights: np.ndarray, shift: np.ndarray, gamma: float) -> float:
    z, y = batch()
    log_p = log_softmax(z + shift, axis=1)[np.arange(N), y]
    return float((weights[y] * (1 - np.exp(log_p)) ** gamma * -log_p).mean())


ONE, NONE = np.ones(C), np.zeros(C)


def test_weights_balanced_are_n_over_classes_times_count() -> None:
    weights = np.array([64 / (3 * 50), 64 / (3 * 10), 64 / (3 * 4), 0])
    assert value(OptimSpec(class_weights="balanced")) == pytest.approx(expected(weights, NONE, 0), rel=1e-12)
    assert weights[:3] @ COUNTS[:3] == pytest.approx(64)  # a picture weighs 1 on average


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999])
def test_weights_by_effective_numbers(beta: float) -> None:
    raw = np.array([(1 - beta) / (1 - beta**n) if n else 0 for n in COUNTS])
    weights = raw / raw.sum() * 3  # Cui et al.: they sum to the number of classes
    found = value(OptimSpec(class_weights="effective", class_beta=beta))
    assert found == pytest.approx(expected(weights, NONE, 0), rel=1e-12)


def test_effective_weights_go_from_none_to_balanced() -> None:
    alike = ClassLoss.of(OptimSpec(class_weights="effective", class_beta=0.0), COUNTS[:3]).weights
    balanced = np.array(ClassLoss.of(OptimSpec(class_weights="balanced"), COUNTS[:3]).weights)
    near = np.array(ClassLoss.of(OptimSpec(class_weights="effective", class_beta=0.999999), COUNTS[:3]).weights)
    assert alike == (1.0, 1.0, 1.0)
    assert near / near.sum() == pytest.approx(balanced / balanced.sum(), rel=1e-3)


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_logits_are_adjusted_by_the_log_of_the_share(tau: float) -> None:
    shift = tau * np.log(np.maximum(COUNTS, 1) / 64)
    assert value(OptimSpec(logit_adjustment=tau)) == pytest.approx(expected(ONE, shift, 0), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss(gamma: float) -> None:
    assert value(OptimSpec(focal=gamma)) == pytest.approx(expected(ONE, NONE, gamma), rel=1e-12)


def test_they_add_up() -> None:
    weights = np.array([64 / (3 * 50), 64 / (3 * 10), 64 / (3 * 4), 0])
    found = value(OptimSpec(class_weights="balanced", logit_adjustment=1.0, focal=2.0))
    assert found == pytest.approx(expected(weights, np.log(np.maximum(COUNTS, 1) / 64), 2), rel=1e-12)


def test_weights_and_smoothing_add_up() -> None:
    z, y = batch()
    weights = np.array([64 / (3 * 50), 64 / (3 * 10), 64 / (3 * 4), 0])
    q = 0.9 * np.eye(C)[y] + 0.1 / C
    losses = -(q * log_softmax(z, axis=1)).sum(1)
    assert value(OptimSpec(class_weights="balanced"), 0.1) == pytest.approx((weights[y] * losses).mean(), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0])
def test_a_focal_loss_has_a_gradient_where_all_is_surely_right(gamma: float) -> None:
    z = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    ClassLoss(gamma=gamma)(z, torch.tensor([0, 1])).backward()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_where_nothing_is_asked_for_it_is_cross_entropy_to_the_bit() -> None:
    z, y = (torch.tensor(v) for v in batch())
    assert torch.equal(ClassLoss.of(OptimSpec(), COUNTS)(z, y), torch.nn.functional.cross_entropy(z, y))


def test_what_is_evaluated_is_cross_entropy_whatever_is_minimised() -> None:
    z, y = (torch.tensor(v) for v in batch())
    told = Classification(C, ClassLoss.of(OptimSpec(focal=2.0, logit_adjustment=1.0), COUNTS)).evaluate(z, y)
    assert told.loss == pytest.approx(expected(ONE, NONE, 0), rel=1e-12)


def test_a_focal_loss_beside_smoothing_is_refused() -> None:
    with pytest.raises(BadSpec, match="set one of them to 0"):
        OptimSpec(focal=2.0, label_smoothing=0.1)
