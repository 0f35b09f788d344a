"""LogME against the evidence itself: a Gaussian density of the labels, maximised by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from tltk.errors import BadSpec
from tltk.transferability.logme import logme

Floats = NDArray[np.float64]
RNG = np.random.default_rng(20)


def evidence(f: Floats, y: Floats, alpha: float, beta: float) -> float:
    """log p(y|F) = log N(y; 0, I/β + FFᵀ/α): the weights integrated out."""
    covariance = np.eye(len(y)) / beta + f @ f.T / alpha
    return multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)


def maximised(f: Floats, labels: NDArray[np.int64]) -> float:
    values = []
    for c in sorted(set(labels)):
        y = (labels == c).astype(float)
        best = minimize(
            lambda logs, y=y: -evidence(f, y, *np.exp(logs)),
            [0.0, 0.0],
            method="Nelder-Mead",
            options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000},
        )
        values.append(-best.fun / len(y))
    return np.mean(values)


@pytest.mark.parametrize(("n", "d", "classes"), [(40, 6, 3), (25, 60, 2), (30, 30, 4)])
def test_equals_the_maximum_of_the_evidence(n: int, d: int, classes: int) -> None:
    labels = np.arange(n) % classes
    centres = RNG.normal(size=(classes, d))
    f = centres[labels] + RNG.normal(size=(n, d))
    ours = logme(torch.from_numpy(f), torch.from_numpy(labels))
    assert ours == pytest.approx(maximised(f, labels), abs=2e-5)


@pytest.mark.parametrize("seed", range(6))
def test_labels_that_are_nearly_explained_reach_the_maximum_too(seed: int) -> None:
    """There the papers' fixed point creeps; ours must not fall short of what a search over a fine grid finds."""
    rng = np.random.default_rng(seed)
    n, d = (30, 24) if seed % 2 else (24, 23)
    labels = np.arange(n) % 2
    f = rng.normal(size=(n, d))
    f[:, 0] += 30 * labels
    values = []
    for c in (0, 1):
        y = (labels == c).astype(float)
        ratio = np.linalg.eigvalsh(f @ f.T).max() * 10 ** np.linspace(-10, 10, 4001)
        found = []
        for t in ratio:  # at β = 1 the covariance is I + FFᵀ/t, and the best 1/β is yᵀ(I + FFᵀ/t)⁻¹y / n
            k = np.eye(n) + f @ f.T / t
            noise = y @ np.linalg.solve(k, y) / n
            found.append(-n / 2 * np.log(2 * np.pi * noise) - np.linalg.slogdet(k)[1] / 2 - n / 2)
        values.append(max(found) / n)
    ours = logme(torch.from_numpy(f), torch.from_numpy(labels))
    assert np.mean(values) - 1e-7 <= ours <= np.mean(values) + 1e-4


@pytest.mark.parametrize("scale", [1e-20, 1e-4, 1e5, 1e15])
def test_the_scale_of_the_features_does_not_matter(scale: float) -> None:
    labels = np.arange(40) % 3
    f = RNG.normal(size=(3, 8))[labels] + RNG.normal(size=(40, 8))
    x, y = torch.from_numpy(f), torch.from_numpy(labels)
    assert logme(x * scale, y) == pytest.approx(logme(x, y), rel=1e-6)


def test_the_closed_form_is_the_papers_formula() -> None:
    """The paper writes out α, β, m and A; that is the same density."""
    f, y, alpha, beta = RNG.normal(size=(12, 5)), RNG.normal(size=12), 1.7, 0.6
    a = alpha * np.eye(5) + beta * f.T @ f
    m = beta * np.linalg.solve(a, f.T @ y)
    formula = (
        12 / 2 * np.log(beta)
        + 5 / 2 * np.log(alpha)
        - 12 / 2 * np.log(2 * np.pi)
        - beta / 2 * ((f @ m - y) ** 2).sum()
        - alpha / 2 * m @ m
        - np.linalg.slogdet(a)[1] / 2
    )
    assert formula == pytest.approx(evidence(f, y, alpha, beta), rel=1e-10)


def test_labels_that_follow_from_the_features_score_higher() -> None:
    labels = torch.arange(60) % 3
    f = torch.from_numpy(RNG.normal(size=(3, 10)))[labels] + 0.5 * torch.from_numpy(RNG.normal(size=(60, 10)))
    shuffled = labels[torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    assert logme(f, labels) > logme(f, shuffled)


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="must not all be zero"):
        logme(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(BadSpec, match="two classes"):
        logme(torch.ones(4, 2), torch.zeros(4, dtype=torch.long))
    with pytest.raises(BadSpec, match="a label per row"):
        logme(torch.ones(4, 2), torch.tensor([0, 1]))
    with pytest.raises(BadSpec, match="Labels must be class numbers"):
        logme(torch.ones(4, 2), torch.tensor([0.0, 1, 0, 1]))
