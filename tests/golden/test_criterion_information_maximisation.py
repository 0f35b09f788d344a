"""Mutual information of pictures and predicted classes against SciPy's entropies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import entropy as of

from tests.support.steps import said, softmax
from tltk.selection import criteria

Z = np.random.default_rng(11).normal(size=(30, 4)) * 2
criterion = criteria["information_maximisation"]


def test_equals_its_equation() -> None:
    p = softmax(Z)
    assert criterion(said(Z)) == pytest.approx(of(p.mean(0)) - np.mean([of(row) for row in p]), rel=1e-9)


def test_one_class_for_all_is_worth_nothing_and_sure_predictions_of_all_are_worth_log_c() -> None:
    one, every = np.zeros((12, 4)), 800.0 * np.eye(4)[np.arange(12) % 4]
    one[:, 2] = 800
    assert criterion(said(one)) == pytest.approx(0, abs=1e-12)
    assert criterion(said(every)) == pytest.approx(math.log(4))
    assert criteria["entropy"](said(one)) == pytest.approx(criteria["entropy"](said(every))), (
        "which entropy cannot tell"
    )
