"""BBSE against the linear system of Lipton et al. (2018), solved in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.shift.bbse import bbse

RNG = np.random.default_rng(10)
CONFUSION = np.array([[0.8, 0.1, 0.2], [0.1, 0.7, 0.1], [0.1, 0.2, 0.7]])  # P(f = i | y = j)


def sample(prior: list[float], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    y = RNG.choice(3, n, p=prior)
    return y, np.array([RNG.choice(3, p=CONFUSION[:, c]) for c in y])


def test_equals_the_linear_system() -> None:
    y, f = sample([0.3, 0.3, 0.4], 200)
    _, g = sample([0.6, 0.2, 0.2], 150)
    c = np.array([[np.mean((f == i) & (y == j)) for j in range(3)] for i in range(3)])
    expected = np.linalg.solve(c, [np.mean(g == i) for i in range(3)])
    eye = torch.eye(3, dtype=torch.float64)
    ours = bbse(eye[torch.from_numpy(f)], torch.from_numpy(y), eye[torch.from_numpy(g)], clip=False)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_finds_the_true_weights() -> None:
    y, f = sample([0.3, 0.3, 0.4], 20_000)
    _, g = sample([0.6, 0.2, 0.2], 20_000)
    eye = torch.eye(3)
    ours = bbse(eye[torch.from_numpy(f)], torch.from_numpy(y), eye[torch.from_numpy(g)])
    np.testing.assert_allclose(ours, [2.0, 2 / 3, 0.5], atol=0.08)


def test_errors_are_sentences() -> None:
    eye = torch.eye(2)
    with pytest.raises(BadSpec, match="confusion matrix must have an inverse"):
        bbse(torch.full((4, 2), 0.5), torch.tensor([0, 1, 0, 1]), eye)
    with pytest.raises(BadSpec, match="classes must have a source sample"):
        bbse(eye, torch.tensor([0, 0]), eye)
    with pytest.raises(BadSpec, match=r"Predictions must be \(n, C\)"):
        bbse(eye, torch.tensor([0, 1]), torch.eye(3))
