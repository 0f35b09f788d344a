"""A comparison's gap by class; its curves grow out of its trainings (`tltk/plots/learning.py`)."""

from __future__ import annotations

from tltk.plots.chart import Chart
from tltk.plots.curves import class_gaps
from tltk.studies.compare.result import CompareResult


def charts(found: CompareResult) -> list[Chart]:
    """The gap in accuracy of each class."""
    gaps = found.verdict.per_class
    if not gaps:
        return []
    caption = "Transfer less scratch by class. Intervals hold for all classes at once (Bonferroni correction)."
    alt = "Gap in accuracy for each class with its interval."
    return [Chart(class_gaps(gaps), alt, caption, max(260, 28 * len(gaps) + 90))]
