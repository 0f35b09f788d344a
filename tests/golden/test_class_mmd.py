"""MMD class by class: each value is the plain MMD of that class's rows, with the common bandwidth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.shift.class_mmd import class_mmd, conditional_mmd, permutation_class_mmd
from tltk.shift.null import permutation_mmd

Floats = NDArray[np.float64]
RNG = np.random.default_rng(9)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(15, 3))
of_x, of_y = np.arange(12) % 3, np.arange(15) % 4
Y[of_y == 1] += 2  # class 1 alone moves


def median(x: Floats, y: Floats) -> float:
    pooled = np.concatenate([x, y])
    pairs = sorted(float(np.linalg.norm(p - q)) for i, p in enumerate(pooled) for q in pooled[:i])
    return pairs[(len(pairs) - 1) // 2]


def biased(x: Floats, y: Floats, s: float) -> float:
    def k(a: Floats, b: Floats) -> float:
        return float(np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * s * s)).mean())

    return k(x, x) + k(y, y) - 2 * k(x, y)


def test_equals_the_definition_for_each_shared_class() -> None:
    values = class_mmd(
        torch.from_numpy(X),
        torch.from_numpy(of_x),
        torch.from_numpy(Y),
        torch.from_numpy(of_y),
        kernel="rbf",
        estimator="biased",
    )
    s = median(X, Y)
    assert sorted(values) == [0, 1, 2]  # class 3 is in the target only
    for c, value in values.items():
        assert value == pytest.approx(biased(X[of_x == c], Y[of_y == c], s), rel=1e-9)
    assert max(values, key=values.__getitem__) == 1


def test_the_conditional_value_is_the_weighted_mean() -> None:
    values = {0: 0.1, 2: 0.4}
    assert conditional_mmd(values) == pytest.approx(0.25)
    assert conditional_mmd(values, torch.tensor([3.0, 9.0, 1.0])) == pytest.approx((0.3 + 0.4) / 4)


def unbiased(x: Floats, y: Floats, sigmas: list[float]) -> float:
    def k(a: Floats, b: Floats) -> Floats:
        squares = ((a[:, None] - b[None]) ** 2).sum(-1)
        return sum(np.exp(-squares / (2 * s * s)) for s in sigmas) / len(sigmas)

    n, m = len(x), len(y)
    own = (k(x, x).sum() - n) / (n * (n - 1)) + (k(y, y).sum() - m) / (m * (m - 1))
    return own - 2 * k(x, y).mean()


def test_the_null_permutes_within_classes() -> None:
    """Value and every draw by the definition, the same rows dealt out; a prior shift alone is not seen."""
    from tltk.shift.kernels import FACTORS
    from tltk.shift.permutation import memberships

    tensors = [torch.from_numpy(a) for a in (X, of_x, Y, of_y)]
    found = permutation_class_mmd(*tensors, permutations=19, seed=5)
    s = median(X, Y)
    sigmas = [s * f**0.5 for f in FACTORS]
    draws = []
    for c in range(3):
        x, y = X[of_x == c], Y[of_y == c]
        pooled = np.concatenate([x, y])
        inside = memberships(len(x), len(y), 19, 5 + 7919 * c).bool().numpy()
        draws.append([unbiased(pooled[i], pooled[~i], sigmas) for i in inside])
    mean = np.mean(draws, 0)
    assert found.value == pytest.approx(mean[0], rel=1e-9)
    assert (found.lo, found.hi) == pytest.approx(tuple(np.quantile(mean[1:], [0.025, 0.975])), rel=1e-9)
    assert found.p == (int((mean[1:] >= mean[0]).sum()) + 1) / 20


def test_a_prior_shift_is_no_shift_within_classes() -> None:
    draw = np.random.default_rng(3)
    seen = []
    for seed in range(20):
        labels = [draw.choice(2, 60, p=p) for p in ([0.5, 0.5], [0.85, 0.15])]
        rows = [torch.from_numpy(3.0 * y[:, None] + draw.normal(size=(60, 2))) for y in labels]
        x, y = (torch.from_numpy(v) for v in labels)
        within = permutation_class_mmd(rows[0], x, rows[1], y, permutations=99, seed=seed)
        seen.append((within.p <= 0.05, permutation_mmd(*rows, permutations=99, seed=seed).p <= 0.05))
    within, marginal = np.sum(seen, 0)
    assert within <= 4 and marginal >= 18


def test_errors_are_sentences() -> None:
    x = torch.zeros(4, 2)
    with pytest.raises(BadSpec, match="share a class"):
        class_mmd(x, torch.zeros(4), x, torch.ones(4), bandwidth=1.0)
    with pytest.raises(BadSpec, match="source must have a label per row"):
        class_mmd(x, torch.zeros(3), x, torch.ones(4))
