"""MMD class by class: each value is the plain MMD of that class's rows, with the common bandwidth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tltk.errors import BadSpec
from tltk.shift.class_mmd import class_mmd, conditional_mmd

RNG = np.random.default_rng(9)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(15, 3))
of_x, of_y = np.arange(12) % 3, np.arange(15) % 4
Y[of_y == 1] += 2  # class 1 alone moves


def median(x, y):
    pooled = np.concatenate([x, y])
    pairs = sorted(np.linalg.norm(p - q) for i, p in enumerate(pooled) for q in pooled[:i])
    return pairs[(len(pairs) - 1) // 2]


def biased(x, y, s):
    def k(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * s * s)).mean()

    return k(x, x) + k(y, y) - 2 * k(x, y)


def test_equals_the_definition_for_each_shared_class():
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


def test_the_conditional_value_is_the_weighted_mean():
    values = {0: 0.1, 2: 0.4}
    assert conditional_mmd(values) == pytest.approx(0.25)
    assert conditional_mmd(values, torch.tensor([3.0, 9.0, 1.0])) == pytest.approx((0.3 + 0.4) / 4)


def test_errors_are_sentences():
    x = torch.zeros(4, 2)
    with pytest.raises(BadSpec, match="share a class"):
        class_mmd(x, torch.zeros(4), x, torch.ones(4), bandwidth=1.0)
    with pytest.raises(BadSpec, match="source must have a label per row"):
        class_mmd(x, torch.zeros(3), x, torch.ones(4))
