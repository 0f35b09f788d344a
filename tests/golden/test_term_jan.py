"""JAN against Long et al. (2017), §4: MMD² with the product of two kernels, its sums in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tests.support.steps import differences, gradient, side, softmax, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(7)
FS, FT = RNG.normal(size=(7, 3)), RNG.normal(size=(6, 3)) * 1.4 + 0.5
ZS, ZT = RNG.normal(size=(7, 2)) * 2, RNG.normal(size=(6, 2)) - 1


def variance(rows: Any) -> Any:
    return cdist(rows, rows, "sqeuclidean").sum() / (len(rows) * (len(rows) - 1)) / 2


WIDTHS = (variance(np.concatenate([FS, FT])), variance(softmax(np.concatenate([ZS, ZT]))))


def gram(f: Any, z: Any) -> Any:
    """k_f k_g between all rows."""
    found = np.ones((len(f), len(f)))
    for rows, sigma2 in zip((f, softmax(z)), WIDTHS, strict=True):
        d = cdist(rows, rows, "sqeuclidean")
        found *= np.mean([np.exp(-d / (2 * c * sigma2)) for c in (0.25, 0.5, 1, 2, 4)], axis=0)
    return found


def unbiased(f: Any, z: Any) -> Any:
    k, n = gram(f, z), len(FS)
    s, t = k[:n, :n], k[n:, n:]
    off = [(x.sum() - np.diag(x).sum()) / (len(x) * (len(x) - 1)) for x in (s, t)]
    return off[0] + off[1] - 2 * k[:n, n:].mean()


def linear(f: Any, z: Any) -> Any:
    k, n = gram(f, z), len(FS)
    h = [k[i, i + 1] + k[n + i, n + i + 1] - k[i, n + i + 1] - k[i + 1, n + i] for i in range(0, 5, 2)]
    return math.fsum(h) / len(h)


@pytest.mark.parametrize("estimator", [unbiased, linear])
def test_equals_the_paper(estimator: Any) -> None:
    term = terms.make(TermSpec("jan", {"weight": 2.0, "estimator": estimator.__name__}))
    source, target = side(FS, ZS), side(FT, ZT)
    value = term(step(source, target))
    value.backward()
    f, z = np.concatenate([FS, FT]), np.concatenate([ZS, ZT])
    assert value.item() == pytest.approx(2 * estimator(f, z), rel=1e-5)
    slope = differences(lambda x: 2 * estimator(x, z), f)
    found = np.concatenate([gradient(source.features), gradient(target.features)])
    np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-6)
    slope = differences(lambda x: 2 * estimator(f, x), z)
    found = np.concatenate([gradient(source.logits), gradient(target.logits)])
    np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-6)


def test_swapped_classes_are_seen_where_the_features_alone_show_nothing() -> None:
    """Two clusters in both domains, at the same places and under the other class."""
    place = np.repeat([[0.0, 0.0], [4.0, 4.0]], 10, axis=0) + RNG.normal(size=(20, 2)) * 0.1
    z = np.repeat([[5.0, -5.0], [-5.0, 5.0]], 10, axis=0)
    asked, swapped = step(side(place, z), side(place, z)), step(side(place, z), side(place, z[::-1].copy()))
    joint, alone = terms.make(TermSpec("jan")), terms.make(TermSpec("dan"))
    assert joint(swapped).item() > joint(asked).item() + 0.2
    assert alone(swapped).item() == pytest.approx(alone(asked).item())
