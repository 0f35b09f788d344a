"""Effective rank against the entropy of the eigenvalues' roots."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from tltk.errors import BadSpec
from tltk.reduce.effective_rank import effective_rank

RNG = np.random.default_rng(31)


@pytest.mark.parametrize("shape", [(30, 6), (5, 20)])
@pytest.mark.parametrize("centre", [True, False])
def test_equals_the_definition(shape: tuple[int, int], centre: bool) -> None:
    x = RNG.normal(size=shape) + 2
    a = x - x.mean(0) if centre else x
    gram = a @ a.T if shape[0] < shape[1] else a.T @ a
    sigma = np.sqrt(np.linalg.eigvalsh(gram).clip(0))
    ours = effective_rank(torch.from_numpy(x), centre=centre)
    assert ours == pytest.approx(np.exp(entropy(sigma / sigma.sum())), rel=1e-6)


def test_a_plane_in_space_has_rank_two() -> None:
    x = torch.zeros(4, 9)
    x[0, 0], x[1, 0], x[2, 1], x[3, 1] = 1, -1, 1, -1
    assert effective_rank(x) == pytest.approx(2)


def test_a_dead_layer_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="Features must differ"):
        effective_rank(torch.ones(5, 3))
