"""GBC against the Bhattacharyya distance with full matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from tltk.errors import BadSpec
from tltk.transferability.gbc import gbc

Floats = NDArray[np.float64]
RNG = np.random.default_rng(26)
LABELS = np.tile(np.arange(4), 10)
FEATURES = RNG.normal(size=(4, 6))[LABELS] + RNG.normal(size=(40, 6))


def distance(m0: Floats, c0: Floats, m1: Floats, c1: Floats) -> float:
    c = (c0 + c1) / 2
    gap = m0 - m1
    logs = np.log(np.linalg.det(c) / np.sqrt(np.linalg.det(c0) * np.linalg.det(c1)))
    return gap @ np.linalg.inv(c) @ gap / 8 + logs / 2


def reference(f: Floats, spherical: bool) -> float:
    gaussians = []
    for c in range(4):
        rows = f[np.equal(LABELS, c)]
        variance = rows.var(0)
        if spherical:
            variance = np.full(f.shape[1], variance.mean())
        gaussians.append((rows.mean(0), np.diag(variance)))
    return -sum(np.exp(-distance(*gaussians[i], *gaussians[j])) for i in range(4) for j in range(4) if i != j)


@pytest.mark.parametrize("spherical", [True, False])
def test_equals_the_paper(spherical: bool) -> None:
    ours = gbc(torch.from_numpy(FEATURES), torch.from_numpy(LABELS), spherical=spherical)
    assert ours == pytest.approx(reference(FEATURES, spherical), rel=1e-9)


@pytest.mark.parametrize("spherical", [True, False])
def test_on_principal_axes(spherical: bool) -> None:
    ours = gbc(torch.from_numpy(FEATURES), torch.from_numpy(LABELS), dimensions=3, spherical=spherical)
    assert ours == pytest.approx(reference(PCA(3).fit_transform(FEATURES), spherical), rel=1e-8)


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("scale", [1e-20, 1e-4, 1e-2, 1e5, 1e20])
def test_the_scale_of_the_features_does_not_matter(scale: float, spherical: bool) -> None:
    """Neither does it in the formula; the authors' floor under a variance is 1e-4 whatever the features."""
    ours = gbc(torch.from_numpy(FEATURES * scale), torch.from_numpy(LABELS), spherical=spherical)
    assert ours == pytest.approx(reference(FEATURES, spherical), rel=1e-9)


def test_far_classes_do_not_overlap() -> None:
    assert gbc(torch.from_numpy(FEATURES + 1e3 * LABELS[:, None]), torch.from_numpy(LABELS)) == 0


def test_a_class_of_one_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="at least 2 samples each. Got counts"):
        gbc(torch.randn(3, 2), torch.tensor([0, 0, 1]))
