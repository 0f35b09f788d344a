"""N-LEEP against scikit-learn's PCA and mixture, then LEEP by loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from tltk.errors import BadSpec
from tltk.transferability.nleep import nleep, project

RNG = np.random.default_rng(22)
LABELS = np.arange(90) % 3
FEATURES = RNG.normal(size=(3, 8))[LABELS] * 2 + RNG.normal(size=(90, 8))


def test_the_projection_keeps_the_share_that_scikit_learn_keeps() -> None:
    for energy in (0.5, 0.8, 0.95):
        ours = project(torch.from_numpy(FEATURES), energy).numpy()
        theirs = PCA(energy).fit_transform(FEATURES)
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-9)
    assert project(torch.from_numpy(FEATURES), 1.0).shape == (90, 8)


def test_equals_leep_of_the_mixtures_posteriors() -> None:
    x = PCA(0.8, svd_solver="full").fit_transform(FEATURES / np.sqrt(FEATURES.var(0).mean()))
    theta = GaussianMixture(6, random_state=0).fit(x).predict_proba(x)
    joint = np.array([[theta[np.equal(LABELS, c), v].sum() / 90 for v in range(6)] for c in range(3)])
    conditional = joint / joint.sum(0)
    expected = np.mean([np.log(conditional[LABELS[i]] @ theta[i]) for i in range(90)])
    ours = nleep(torch.from_numpy(FEATURES), torch.from_numpy(LABELS), components=6)
    assert ours == pytest.approx(expected, rel=1e-6)


def test_the_default_is_five_components_per_class() -> None:
    f, y = torch.from_numpy(FEATURES), torch.from_numpy(LABELS)
    assert nleep(f, y) == nleep(f, y, components=15)


def test_too_few_samples_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="as many samples as components"):
        nleep(torch.randn(8, 3), torch.arange(8) % 2)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e5, 1e20])
@pytest.mark.parametrize("d", [8, 64])
def test_the_scale_of_the_features_does_not_matter(scale: float, d: int) -> None:
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(3, d))[LABELS] * 2 + rng.normal(size=(90, d))).float()
    y = torch.from_numpy(LABELS)
    assert nleep(x * scale, y) == pytest.approx(nleep(x, y), rel=1e-3)


def test_a_mixture_that_cannot_be_fitted_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(self: GaussianMixture, x: NDArray[np.float64]) -> None:
        raise ValueError("Fitting the mixture model failed.")

    monkeypatch.setattr(GaussianMixture, "fit", fit)
    with pytest.raises(BadSpec, match="that a Gaussian mixture can be fitted to. It cannot: Fitting"):
        nleep(torch.from_numpy(FEATURES), torch.from_numpy(LABELS))
