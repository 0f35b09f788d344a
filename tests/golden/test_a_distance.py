"""Proxy A-distance against scikit-learn's shrunk discriminant, fold by fold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tltk.errors import BadSpec
from tltk.shift.a_distance import a_distance, held_out_errors, linear_discriminant

Floats = NDArray[np.float64]
RNG = np.random.default_rng(6)


class Ridged(EmpiricalCovariance):
    """Covariance + λI with our λ, for scikit-learn to take."""

    def __init__(self, penalty: float = 0.0) -> None:
        super().__init__()
        self.penalty = penalty

    def fit(self, x: Floats, y: None = None) -> Ridged:
        super().fit(x)
        self.covariance_ += self.penalty * np.eye(x.shape[1])
        return self


@pytest.mark.parametrize("d", [3, 80])
def test_the_discriminant_is_that_of_scikit_learn(d: int) -> None:
    x, y = RNG.normal(size=(30, d)), RNG.normal(size=(25, d)) + 0.3
    penalty = 0.1 * (x.var(0) + y.var(0)).sum() / 2 / d
    model = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Ridged(penalty), priors=[0.5, 0.5])
    model.fit(np.concatenate([x, y]), [0] * 30 + [1] * 25)
    w, b = linear_discriminant(torch.from_numpy(x), torch.from_numpy(y), 0.1)
    z = RNG.normal(size=(40, d))
    ours = (torch.from_numpy(z) @ w + b).numpy()
    # Ours pools the covariances half and half, as priors of ½ do.
    np.testing.assert_allclose(ours, model.decision_function(z), rtol=1e-6, atol=1e-9)


def test_is_twice_one_minus_twice_the_held_out_error() -> None:
    x, y = torch.from_numpy(RNG.normal(size=(40, 5))), torch.from_numpy(RNG.normal(size=(60, 5)) + 0.5)
    wrong_x, wrong_y = held_out_errors(x, y, seed=3)
    error = (wrong_x.mean() + wrong_y.mean()) / 2
    assert 0 < float(error) < 0.5
    assert float(a_distance(x, y, seed=3)) == pytest.approx(2 * (1 - 2 * float(error)))


def test_each_sample_is_judged_without_having_been_seen() -> None:
    # With d > n a classifier separates its training samples; on one distribution it must not look so.
    x, y = torch.from_numpy(RNG.normal(size=(60, 200))), torch.from_numpy(RNG.normal(size=(60, 200)))
    assert abs(float(a_distance(x, y))) < 0.7


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="folds must be between 2 and the smaller domain's 3 samples"):
        a_distance(torch.randn(3, 2), torch.randn(9, 2))
