"""PCA against scikit-learn, with its signs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from tltk.errors import BadSpec
from tltk.reduce.pca import pca

RNG = np.random.default_rng(34)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (20, 9), (8, 30)])
def test_equals_scikit_learns(n: int, d: int) -> None:
    x = RNG.normal(size=(n, d)) @ np.diag(np.linspace(3, 1, d)) + 5
    ours, theirs = pca(torch.from_numpy(x), 3), PCA(3, svd_solver="full").fit(x)
    np.testing.assert_allclose(ours.axes, theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.share, theirs.explained_variance_ratio_, rtol=1e-8)
    np.testing.assert_allclose(ours.project(torch.from_numpy(x)), theirs.transform(x), atol=1e-8)


def test_the_sign_does_not_depend_on_the_order_of_rows() -> None:
    x = torch.from_numpy(RNG.normal(size=(30, 5)) * np.arange(1, 6))
    shuffled = x[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    np.testing.assert_allclose(pca(x).axes, pca(shuffled).axes, atol=1e-9)


def test_k_out_of_range_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="k must be between 1 and 3"):
        pca(torch.randn(3, 5), 4)
