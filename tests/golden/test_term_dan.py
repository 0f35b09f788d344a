"""DAN against Gretton et al. (2012), Eq. 3 and Lemma 14, as Long et al. (2015) use them: kernels and sums by loops."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.support.steps import differences, gradient, side, step
from tltk import terms
from tltk.specs.parts import TermSpec

RNG = np.random.default_rng(6)
FS, FT = RNG.normal(size=(7, 3)), RNG.normal(size=(6, 3)) * 1.4 + 0.5
ZS, ZT = RNG.normal(size=(7, 2)), RNG.normal(size=(6, 2)) - 1


def variance(s: Any, t: Any) -> Any:
    """Half the mean squared distance of two different rows."""
    rows = np.concatenate([s, t])
    pairs = [(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    return float(np.mean([((a - b) ** 2).sum() for a, b in pairs])) / 2


def kernel(sigma2: Any) -> Any:
    return lambda a, b: float(
        np.mean([math.exp(-((a - b) ** 2).sum() / (2 * f * sigma2)) for f in (0.25, 0.5, 1, 2, 4)])
    )


def unbiased(k: Any, s: Any, t: Any) -> Any:
    within = [
        sum(k(x[i], x[j]) for i, j in product(range(len(x)), repeat=2) if i != j) / (len(x) * (len(x) - 1))
        for x in (s, t)
    ]
    return sum(within) - 2 * float(np.mean([k(a, b) for a in s for b in t]))


def linear(k: Any, s: Any, t: Any) -> Any:
    quads = [(s[i], s[i + 1], t[i], t[i + 1]) for i in range(0, min(len(s), len(t)) - 1, 2)]
    return float(np.mean([k(s1, s2) + k(t1, t2) - k(s1, t2) - k(s2, t1) for s1, s2, t1, t2 in quads]))


@pytest.mark.parametrize("estimator", [unbiased, linear])
@pytest.mark.parametrize("logits", [False, True])
def test_equals_the_paper(estimator: Any, logits: Any) -> None:
    term = terms.make(TermSpec("dan", {"weight": 0.5, "logits": logits, "estimator": estimator.__name__}))
    source, target = side(FS, ZS), side(FT, ZT)
    value = term(step(source, target))
    value.backward()
    k = kernel(variance(FS, FT))  # no gradient flows through the width of the kernels
    expected = estimator(k, FS, FT) + (estimator(kernel(variance(ZS, ZT)), ZS, ZT) if logits else 0)
    assert value.item() == pytest.approx(0.5 * expected, rel=1e-5, abs=1e-7)
    slope = differences(lambda x: 0.5 * estimator(k, FS, x), FT)
    np.testing.assert_allclose(gradient(target.features), slope, rtol=1e-3, atol=1e-6)
    assert logits == bool(gradient(source.logits).any())


def test_equal_features_are_no_distance_and_do_not_break_it() -> None:
    """A dead layer: all rows are equal, and the mean distance is 0."""
    same = np.ones((4, 3))
    term = terms.make(TermSpec("dan"))
    source, target = side(same), side(same)
    value = term(step(source, target))
    value.backward()
    assert value.item() == 0 and np.isfinite(gradient(target.features)).all()


def test_the_estimate_is_nought_on_average_where_both_come_from_one_distribution() -> None:
    term = terms.make(TermSpec("dan"))
    same = [term(step(side(RNG.normal(size=(16, 2))), side(RNG.normal(size=(16, 2))))).item() for _ in range(200)]
    other = term(step(side(RNG.normal(size=(16, 2))), side(RNG.normal(size=(16, 2)) + 3))).item()
    assert abs(np.mean(same)) < 3 * np.std(same) / 200**0.5 and min(same) < 0 and other > 10 * np.std(same)
