"""Columns that tell two tables apart, against the standardized difference written out with the standard library."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
import torch

from tltk.analyses.sample import Sample
from tltk.analyses.two_sample.columns import telling_columns
from tltk.data import rows
from tltk.data.domain import Domain


def sample(names: list[str], values: np.ndarray) -> Sample:
    labels = np.arange(len(values)) % 2
    images = rows.encode(names, values, 8, "made")
    made = Domain.of("made", images, labels, ["a", "b"], licence="none", source="made", kind=rows.KIND, columns=names)
    index = np.arange(len(values))[::2]
    return Sample(made, index, torch.from_numpy(labels[index]))


def test_equals_the_formula_column_by_column() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(60, 4)), 2 * draw.normal(size=(40, 4)) + np.array([0.1, 3.0, 0.5, 0.0])
    one[::6, 1] = np.nan
    one[:, 3] = other[:, 3] = 7.0
    found = telling_columns(sample(["a", "b", "c", "same"], one), sample(["b", "x", "a", "same"], other))
    assert {c.name for c in found} == {"a", "b"} and abs(found[0].gap) > abs(found[1].gap)
    for c in found:
        x = [float(np.float32(v)) for v in one[::2, "abc".index(c.name)] if not np.isnan(v)]
        y = [float(np.float32(v)) for v in other[::2, ["b", "x", "a"].index(c.name)]]
        spread = ((statistics.variance(x) + statistics.variance(y)) / 2) ** 0.5
        assert c.source == pytest.approx(statistics.fmean(x)) and c.target == pytest.approx(statistics.fmean(y))
        assert c.gap == pytest.approx((statistics.fmean(x) - statistics.fmean(y)) / spread, rel=1e-9)
