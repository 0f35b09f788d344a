"""What the figures of an evaluation show: every bin with pictures, and of each class what it is named."""

from __future__ import annotations

import numpy as np
import pytest

from tltk.analyses.evaluate import figures
from tltk.plots.confusion import confusion, confusion_of_counts
from tltk.plots.reliability import reliability


def test_the_reliability_curve_has_a_mark_for_each_bin_with_pictures() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (500, 4)), rng.integers(0, 4, 500)
    plain, scaled = figures.reliability(logits, labels), figures.reliability(logits, labels, 2.0)
    diagonal, as_is, after = reliability(plain, scaled).data
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]
    for trace, found in ((as_is, plain), (after, scaled)):
        full = [b for b in found.bins if b.n]
        assert list(trace.x) == [b.confidence for b in full] and list(trace.y) == [b.accuracy for b in full]
        assert sum(row[0] for row in trace.customdata) == 500
        assert len(set(trace.marker.size)) > 1 and f"{found.ece:.3f}" in trace.name
        order = np.argsort([b.n for b in full])
        assert np.all(np.diff(np.array(trace.marker.size)[order]) >= 0), "the fuller, the larger"
    assert "temperature 2" in after.name
    assert len(reliability(plain).data) == len(reliability(plain, plain).data) == 2


def test_counts_and_pictures_give_one_confusion() -> None:
    labels, predictions = [0, 0, 0, 2, 2], [0, 1, 1, 2, 0]
    counts = [[1, 2, 0], [0, 0, 0], [1, 0, 1]]
    wanted = confusion(labels, predictions, ["a", "b", "c"])
    found = confusion_of_counts(counts, ["a", "b", "c"])
    assert found.to_json() == wanted.to_json()
    assert found.data[0].z[0][1] == pytest.approx(66.7) and found.data[0].z[1][0] is None
