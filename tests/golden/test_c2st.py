"""Classifier two-sample test against the definition, its p-value against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from tltk.errors import BadSpec
from tltk.shift.a_distance import linear_discriminant
from tltk.shift.c2st import c2st, c2st_p

Floats = NDArray[np.float64]
RNG = np.random.default_rng(7)


def test_is_the_accuracy_on_the_half_that_was_held_out() -> None:
    x, y = RNG.normal(size=(40, 3)), RNG.normal(size=(30, 3)) + 0.7

    def halves(a: Floats, seed: int) -> tuple[Floats, Floats]:
        order = torch.randperm(len(a), generator=torch.Generator().manual_seed(seed)).numpy()
        return a[order[: len(a) // 2]], a[order[len(a) // 2 :]]

    (train_x, test_x), (train_y, test_y) = halves(x, 5), halves(y, 6)
    w, b = (v.numpy() for v in linear_discriminant(torch.from_numpy(train_x), torch.from_numpy(train_y), 0.1))
    right_x = np.mean([float(w @ row + b < 0) for row in test_x])
    right_y = np.mean([float(w @ row + b >= 0) for row in test_y])
    ours = c2st(torch.from_numpy(x), torch.from_numpy(y), seed=5)
    assert float(ours) == pytest.approx((right_x + right_y) / 2)


def test_p_is_the_papers_normal_for_equal_sizes() -> None:
    n_te = 100  # both held-out halves together
    assert c2st_p(0.6, 100, 100) == pytest.approx(norm.sf(0.6, 0.5, (1 / (4 * n_te)) ** 0.5))


def test_p_is_calibrated_on_one_distribution() -> None:
    repeats, hits = 300, 0
    for i in range(repeats):
        g = torch.Generator().manual_seed(i)
        x, y = torch.randn(60, 5, generator=g), torch.randn(120, 5, generator=g)  # unequal on purpose
        hits += c2st_p(float(c2st(x, y, seed=i)), 60, 120) <= 0.1
    assert hits / repeats < 0.16  # the variance is an upper bound: at most .1, give or take 3 deviations


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="at least 4 rows"):
        c2st(torch.zeros(3, 2), torch.zeros(9, 2))
    with pytest.raises(BadSpec, match="accuracy must be between 0 and 1"):
        c2st_p(1.2, 10, 10)
