"""CKA against HSIC with explicit centring matrices, and HSIC₁ as Song et al. (2012) write it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.reduce.cka import cka, cka_matrix, cka_minibatch

Floats = NDArray[np.float64]
RNG = np.random.default_rng(30)


def biased(k: Floats, l: Floats) -> float:  # noqa: E741
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return np.trace(k @ h @ l @ h) / (n - 1) ** 2


def unbiased(k: Floats, l: Floats) -> float:  # noqa: E741
    n, one = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    mixed = (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ l) + mixed - 2 / (n - 2) * one @ k @ l @ one) / (n * (n - 3))


def reference(x: Floats, y: Floats, hsic: Callable[[Floats, Floats], float]) -> float:
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


@pytest.mark.parametrize(("n", "d", "e"), [(30, 4, 6), (12, 40, 25)])
@pytest.mark.parametrize("hsic", [biased, unbiased])
def test_equals_the_papers(n: int, d: int, e: int, hsic: Callable[[Floats, Floats], float]) -> None:
    x = RNG.normal(size=(n, d)) + 3
    y = x @ RNG.normal(size=(d, e)) + 2 * RNG.normal(size=(n, e))
    ours = cka(torch.from_numpy(x), torch.from_numpy(y), unbiased=hsic is unbiased)
    assert ours == pytest.approx(reference(x, y, hsic), rel=1e-9)


def test_the_feature_form_of_kornblith() -> None:
    x, y = RNG.normal(size=(20, 5)), RNG.normal(size=(20, 7))
    x0, y0 = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    expected = norm(y0.T @ x0) ** 2 / (norm(x0.T @ x0) * norm(y0.T @ y0))
    assert cka(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-10)


def test_minibatches_sum_before_they_divide() -> None:
    batches = [(RNG.normal(size=(16, 5)), RNG.normal(size=(16, 3))) for _ in range(4)]
    grams = [(x @ x.T, y @ y.T) for x, y in batches]
    across, own_x, own_y = (sum(unbiased(g[i], g[j]) for g in grams) for i, j in ((0, 1), (0, 0), (1, 1)))
    ours = cka_minibatch((torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches)
    assert ours == pytest.approx(across / np.sqrt(own_x * own_y), rel=1e-9)


@pytest.mark.parametrize("flag", [True, False])
def test_the_matrix_holds_all_pairs(flag: bool) -> None:
    layers = [torch.from_numpy(RNG.normal(size=(10, d))) for d in (3, 5, 8)]
    matrix = cka_matrix(layers, layers[:2], unbiased=flag)
    for i, x in enumerate(layers):
        for j, y in enumerate(layers[:2]):
            assert float(matrix[i, j]) == pytest.approx(cka(x, y, unbiased=flag), rel=1e-9)


def test_unrelated_wide_features_look_alike_only_when_biased() -> None:
    x, y = (torch.from_numpy(RNG.normal(size=(80, 2000))) for _ in range(2))
    assert cka(x, y) > 0.9
    assert abs(cka(x, y, unbiased=True)) < 0.1


def test_invariances() -> None:
    x, y = torch.from_numpy(RNG.normal(size=(15, 4))), torch.from_numpy(RNG.normal(size=(15, 6)))
    q = torch.linalg.qr(torch.from_numpy(RNG.normal(size=(4, 4)))).Q
    for flag in (True, False):
        value = cka(x, y, unbiased=flag)
        assert cka(y, x, unbiased=flag) == pytest.approx(value)
        assert cka(7 * x @ q + 2, y, unbiased=flag) == pytest.approx(value)
        assert cka(x, x, unbiased=flag) == pytest.approx(1)


def test_errors_are_sentences() -> None:
    with pytest.raises(BadSpec, match="of the same samples. Got 5 and 6"):
        cka(torch.randn(5, 2), torch.randn(6, 2))
    with pytest.raises(BadSpec, match="at least 4 rows"):
        cka(torch.randn(3, 2), torch.randn(3, 2), unbiased=True)
    with pytest.raises(BadSpec, match="needs a batch"):
        cka_minibatch([])
