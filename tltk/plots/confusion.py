"""Which classes are taken for which: the confusion matrix of a training's test pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, TRANSFER, faint, layout

MOST_CLASSES = 40  # more are not told apart on a screen
SHADES = [[0, faint(NEUTRAL, 0.06)], [1, faint(TRANSFER, 0.85)]]


def shares(labels: Sequence[int], predictions: Sequence[int], n_classes: int) -> np.ndarray:
    """Of the pictures of each class, by row, the share that is named as each, by column; (classes, classes).

    Args:
        labels: True class numbers, (n,).
        predictions: Predicted ones, (n,).
        n_classes: How many classes there are; a class without pictures has a row of NaN.
    """
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    total = counts.sum(1, keepdims=True)
    found: np.ndarray = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return found


def confusion(labels: Sequence[int], predictions: Sequence[int], classes: Sequence[str]) -> go.Figure:
    """True classes by row, what they are named by column; classes that are swapped stand out off the diagonal.

    Args:
        labels: True class numbers, (n,).
        predictions: Predicted ones, (n,).
        classes: Names, by number.
    """
    return _drawn(shares(labels, predictions, len(classes)), classes)


def confusion_of_counts(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> go.Figure:
    """The same of pictures that are counted already.

    Args:
        counts: Pictures of each class, by row, that are named as each, by column; (classes, classes).
        classes: Names, by number.
    """
    table = np.asarray(counts, float).reshape(len(classes), len(classes))
    total = table.sum(1, keepdims=True)
    return _drawn(np.divide(table, total, out=np.full_like(table, np.nan), where=total > 0), classes)


def _drawn(found: np.ndarray, classes: Sequence[str]) -> go.Figure:
    """Shares as a map of shades.

    Args:
        found: Of the pictures of each class, by row, the share that is named as each, by column; NaN = no pictures.
        classes: Names, by number.
    """
    names = [text(name) for name in classes]
    figure = go.Figure(layout=layout("Named as", "True class", hovermode="closest"))
    z = 100 * found
    figure.add_heatmap(
        x=names,
        y=names,
        z=[[None if np.isnan(value) else round(float(value), 1) for value in row] for row in z],
        zmin=0,
        zmax=100,
        colorscale=SHADES,
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": "%"}, "thickness": 12},
        hovertemplate="%{y} named as %{x}: %{z:.1f}%<extra></extra>",
        hoverongaps=False,
    )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure
