"""Multi-task learning against Kendall, Gal and Cipolla (2018), Eq. 10, in float64 NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from tests.support.steps import Floats, Reports, differences, gradient, side
from tltk.terms.multi_task import MultiTask
from tltk.terms.term import Setting, Side, Step

DRAW = np.random.default_rng(4)
F, Z, Y = DRAW.normal(size=(7, 4)), DRAW.normal(size=(7, 3)), DRAW.integers(0, 3, 7)
NUMBERS = {"colour": DRAW.integers(0, 2, 7), "tone": DRAW.integers(0, 5, 7)}
SIGMA = np.array([0.7, 1.3, 2.1])  # of the class, then of the attributes


def cross_entropy(logits: Floats, numbers: Any) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(logits)), numbers].mean())


def made(term: MultiTask) -> nn.Module:
    torch.manual_seed(0)
    nothing: Any = None
    classes = {"colour": ("red", "blue"), "tone": tuple("abcde")}
    module = term.build(Setting(nothing, 3, lambda n: nn.Linear(4, n), classes)).double()
    if term.weighting == "uncertainty":
        for s, sigma in zip(module["log_variances"], SIGMA, strict=True):  # type: ignore[index]
            s.data.fill_(2 * np.log(sigma))
    return module


def asked(module: nn.Module, features: Floats = F, logits: Floats = Z) -> tuple[Step, Side]:
    given = side(features, logits)
    batch = Side(
        given.features,
        given.logits,
        torch.from_numpy(Y),
        attributes={name: torch.from_numpy(numbers) for name, numbers in NUMBERS.items()},
    )
    loss = torch.nn.functional.cross_entropy(batch.logits, torch.from_numpy(Y))
    net: Any = nn.Identity()
    return Step(batch, None, net, {}, 0.0, module, loss=loss, report=Reports()), batch


def losses(module: nn.Module, features: Floats = F, logits: Floats = Z) -> list[float]:
    heads: Any = module["heads"]  # type: ignore[index]
    said = [features @ h.weight.detach().numpy().T + h.bias.detach().numpy() for h in heads]
    return [
        cross_entropy(logits, Y),
        *(cross_entropy(z, numbers) for z, numbers in zip(said, NUMBERS.values(), strict=True)),
    ]


def kendall(found: list[float], sigma: Floats = SIGMA, weight: float = 1.0) -> float:
    """Σ L/σ² + log σ, those of the attributes times λ."""
    each = np.array(found) / sigma**2 + np.log(sigma)
    return float(each[0] + weight * each[1:].sum())


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_by_uncertainty_the_whole_loss_is_kendalls(weight: float) -> None:
    term = MultiTask(weight=weight, task="colour/tone", weighting="uncertainty")
    module = made(term)
    step, batch = asked(module)
    assert step.loss is not None
    total = step.loss + term(step)
    total.backward()
    assert total.item() == pytest.approx(kendall(losses(module), weight=weight), rel=1e-12)
    of_features = differences(lambda f: kendall(losses(module, features=f), weight=weight), F)
    of_logits = differences(lambda z: kendall(losses(module, logits=z), weight=weight), Z)
    np.testing.assert_allclose(gradient(batch.features), of_features, atol=1e-8)
    np.testing.assert_allclose(gradient(batch.logits), of_logits, atol=1e-8)
    of_s = differences(lambda s: kendall(losses(module), np.exp(s / 2), weight), 2 * np.log(SIGMA))
    variances: Any = module["log_variances"]  # type: ignore[index]
    np.testing.assert_allclose([s.grad.item() for s in variances], of_s, atol=1e-8)
    assert list(term.task_weights(module).values()) == pytest.approx([1, weight, weight] / SIGMA**2)


def test_the_best_weight_is_one_over_twice_the_loss() -> None:
    """Where the derivative of L/σ² + log σ is zero."""
    term = MultiTask(task="colour/tone", weighting="uncertainty")
    module = made(term)
    variances: Any = module["log_variances"]  # type: ignore[index]
    for s, loss in zip(variances, losses(module), strict=True):
        s.data.fill_(np.log(2 * loss))
    step, _ = asked(module)
    assert step.loss is not None
    (step.loss + term(step)).backward()
    assert [s.grad.item() for s in variances] == pytest.approx([0, 0, 0], abs=1e-12)


def test_with_fixed_weights_losses_are_added() -> None:
    term = MultiTask(weight=0.4, task="colour/tone")
    module = made(term)
    step, batch = asked(module)
    found = term(step)
    found.backward()
    assert found.item() == pytest.approx(0.4 * sum(losses(module)[1:]), rel=1e-12)
    wanted = differences(lambda f: 0.4 * sum(losses(module, features=f)[1:]), F)
    np.testing.assert_allclose(gradient(batch.features), wanted, atol=1e-8)
    assert term.task_weights(module) == {"class": 1.0, "colour": 0.4, "tone": 0.4}
