"""Soft neighbourhood density against Saito et al. (2021), §3: cosines and entropies by loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy as of

from tests.support.steps import said, softmax
from tltk.selection import criteria
from tltk.selection import soft_neighbourhood_density as module

Z = np.random.default_rng(12).normal(size=(23, 4)) * 2
criterion = criteria["soft_neighbourhood_density"]


def paper(z: Any) -> Any:
    p = softmax(z)
    found = []
    for i in range(len(p)):
        others = [p[j] @ p[i] / np.linalg.norm(p[j]) / np.linalg.norm(p[i]) for j in range(len(p)) if j != i]
        found.append(of(softmax(np.array([others]) / 0.05)[0]))
    return np.mean(found)


def test_equals_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    assert criterion(said(Z)) == pytest.approx(paper(Z), rel=1e-9)
    monkeypatch.setattr(module, "ROWS", 5)
    assert criterion(said(Z)) == pytest.approx(paper(Z), rel=1e-9), "in pieces"


def test_its_limits() -> None:
    """All alike: everybody is a neighbour. Two clusters of five: four neighbours each."""
    assert criterion(said(np.zeros((10, 3)))) == pytest.approx(math.log(9))
    assert criterion(said(500.0 * np.eye(2)[np.arange(10) % 2])) == pytest.approx(math.log(4), rel=1e-3)
