"""Procrustes against SciPy; a film through random rotations stands still."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes

from tltk.errors import BadSpec
from tltk.reduce.align import align, align_all

RNG = np.random.default_rng(33)
X, Y = RNG.normal(size=(20, 3)) * 2 + 1, RNG.normal(size=(20, 3)) - 4


@pytest.mark.parametrize("scale", [True, False])
def test_equals_scipys_rotation(scale: bool) -> None:
    x, y = X - X.mean(0), Y - Y.mean(0)
    r, size = orthogonal_procrustes(x, y)
    factor = size / (x**2).sum() if scale else 1
    ours = align(torch.from_numpy(X), torch.from_numpy(Y), scale=scale)
    np.testing.assert_allclose(ours, factor * x @ r + Y.mean(0), rtol=1e-9)


def test_no_other_rotation_comes_nearer() -> None:
    best = ((align(torch.from_numpy(X), torch.from_numpy(Y)).numpy() - Y) ** 2).sum()
    for _ in range(200):
        q = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
        assert (((X - X.mean(0)) @ q + Y.mean(0) - Y) ** 2).sum() >= best - 1e-9


def test_distances_are_kept() -> None:
    ours = align(torch.from_numpy(X), torch.from_numpy(Y))
    before = torch.from_numpy(X)
    np.testing.assert_allclose(torch.cdist(ours, ours), torch.cdist(before, before), atol=1e-6)


def test_a_film_of_turned_and_mirrored_frames_stands_still() -> None:
    turns = [np.linalg.qr(RNG.normal(size=(3, 3)))[0] for _ in range(5)]
    frames = [torch.from_numpy(X @ turn + RNG.normal(size=3)) for turn in turns]
    still = align_all(frames)
    assert len(still) == 5
    for frame in still:
        np.testing.assert_allclose(frame, frames[0], atol=1e-9)
    assert align_all([]) == []


def test_other_samples_are_refused() -> None:
    with pytest.raises(BadSpec, match="same samples"):
        align(torch.randn(4, 2), torch.randn(5, 2))
