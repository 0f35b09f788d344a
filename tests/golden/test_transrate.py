"""TransRate against determinants in NumPy, and the ten lines of the paper's appendix for balanced classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.transferability.transrate import transrate

RNG = np.random.default_rng(25)


def rate(z: NDArray[np.float64], eps: float) -> float:
    n, d = z.shape
    return 0.5 * np.log(np.linalg.eigvalsh(np.eye(d) + z.T @ z / (n * eps))).sum()


def reference(
    f: NDArray[np.float64], y: NDArray[np.int64], eps: float, weight: Callable[[NDArray[np.bool_]], float]
) -> float:
    z = f - f.mean(0)
    return rate(z, eps) - sum(weight(y == c) * rate(z[y == c], eps) for c in set(y))


@pytest.mark.parametrize(("n", "d"), [(40, 6), (15, 30)])
def test_equals_the_definition(n: int, d: int) -> None:
    y = np.arange(n) % 4 % 3  # unequal classes
    f = RNG.normal(size=(3, d))[y] + RNG.normal(size=(n, d))
    x, labels = torch.from_numpy(f), torch.from_numpy(y)
    assert transrate(x, labels, standardise=False) == pytest.approx(reference(f, y, 1e-4, np.mean), rel=1e-9)
    assert transrate(x, labels, equal_classes=True, eps=0.1, standardise=False) == pytest.approx(
        reference(f, y, 0.1, lambda _: 1 / 3), rel=1e-9
    )
    assert transrate(x, labels) == pytest.approx(reference(f / f.std(0).mean(), y, 1e-4, np.mean), rel=0.05)
    assert transrate(x, labels) == pytest.approx(reference(f / np.sqrt(f.var(0).mean()), y, 1e-4, np.mean), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-20, 1e-4, 1e-2, 1e5, 1e20])
def test_the_scale_of_the_features_does_not_matter(scale: float) -> None:
    y = np.arange(40) % 3
    x, labels = torch.from_numpy(RNG.normal(size=(3, 8))[y] + RNG.normal(size=(40, 8))), torch.from_numpy(y)
    assert transrate(x * scale, labels) == pytest.approx(transrate(x, labels), rel=1e-9)
    small = (x * scale).float()
    if bool(small.isfinite().all()) and scale > 1e-10:
        assert transrate(small, labels) == pytest.approx(transrate(x, labels), rel=1e-3)


def test_both_weightings_agree_for_balanced_classes() -> None:
    y = torch.arange(30) % 3
    f = torch.from_numpy(RNG.normal(size=(30, 5)))
    assert transrate(f, y) == pytest.approx(transrate(f, y, equal_classes=True))


def test_eps_must_be_positive() -> None:
    with pytest.raises(BadSpec, match="eps must be positive"):
        transrate(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]), eps=0.0)
