"""A study of labels as curves over the number of labels, with what each technique is worth."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from tltk.plots.accuracy import show_accuracies
from tltk.plots.chart import Chart
from tltk.plots.curves import band
from tltk.plots.names import text
from tltk.plots.theme import SCRATCH, SEQUENCE, layout
from tltk.studies.labels.result import LabelCurveResult, LabelsResult
from tltk.studies.labels.study import in_words

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")


def charts(found: LabelsResult) -> list[Chart]:
    """The one figure of a study of labels."""
    yard = found.curves[0].name
    caption = (
        f"Lines: mean over the seeds; bands: 95% intervals for other seeds and other test pictures. A dotted line "
        f"leads from a technique to where {yard} is as accurate with more or fewer labels; a star marks where the "
        f"mean curves cross."
    )
    alt = f"Test accuracy of each technique over labels per class, against {yard}, with 95% bands."
    return [Chart(curves(found), alt, caption, 460)]


def curves(found: LabelsResult) -> go.Figure:
    """Accuracy over log labels; the yardstick grey and dashed, each other technique with its worth in labels."""
    figure = go.Figure(layout=layout("Labels per class", "Test accuracy", hovermode="closest"))
    yard, shots = found.curves[0], found.curves[0].shots
    looks = {
        curve.name: (SEQUENCE[i % len(SEQUENCE)], SYMBOLS[i % len(SYMBOLS)]) for i, curve in enumerate(found.curves[1:])
    } | {yard.name: (SCRATCH, "circle")}
    for curve in found.curves:
        band(figure, curve.shots, curve.lo, curve.hi, looks[curve.name][0], most=1.0)
    for number, worth in enumerate(w for w in found.worth if w.labels is not None):
        curve = next(c for c in found.curves if c.name == worth.name)
        height = curve.accuracy[curve.shots.index(worth.shots)]
        figure.add_scatter(
            x=[worth.shots, worth.labels],
            y=[height, height],
            mode="lines+markers",
            line={"color": looks[worth.name][0], "width": 1.5, "dash": "dot"},
            marker={"size": [0, 9], "symbol": "line-ns-open", "line": {"width": 2}},
            name=text(f"as accurate as {yard.name}"),
            legendgroup="worth",
            legendrank=1001,  # after the techniques
            showlegend=number == 0,
            text=[text(f"With {worth.shots} labels per class, {in_words(worth, shots, yard.name)}.")] * 2,
            hovertemplate="%{text}<extra></extra>",
        )
    for curve in found.curves:
        colour, symbol = looks[curve.name]
        figure.add_scatter(
            x=curve.shots,
            y=curve.accuracy,
            mode="lines+markers",
            name=text(curve.name),
            line={"color": colour, "width": 2.5, "dash": "dash" if curve is yard else "solid"},
            marker={"size": 8, "symbol": symbol},
            customdata=[f"{lo:.1%} … {hi:.1%}" for lo, hi in zip(curve.lo, curve.hi, strict=True)],
            hovertemplate="%{fullData.name}, %{x} labels per class: %{y:.1%} (%{customdata})<extra></extra>",
        )
    if found.crossings:
        figure.add_scatter(
            x=[c.labels for c in found.crossings],
            y=[_height(yard, c.labels) for c in found.crossings],
            mode="markers",
            name="curves cross",
            marker={
                "color": [looks[c.name][0] for c in found.crossings],
                "size": 13,
                "symbol": "star-open",
                "line": {"width": 1.5},
            },
            text=[text(f"{c.name} equals {yard.name} at {c.labels:.0f} labels per class") for c in found.crossings],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_xaxes(type="log", tickmode="array", tickvals=shots, ticktext=[f"{n:,}" for n in shots])
    show_accuracies(figure, "y", [v for curve in found.curves for v in (*curve.lo, *curve.hi)])
    return figure


def _height(curve: LabelCurveResult, labels: float) -> float:
    """The curve's accuracy at a number of labels, on a line over log n between two measured ones."""
    last = len(curve.shots) - 2
    at = min(sum(n <= labels for n in curve.shots[1:]), last)
    low, high = curve.shots[at], curve.shots[at + 1]
    share = math.log(labels / low) / math.log(high / low)
    return curve.accuracy[at] + share * (curve.accuracy[at + 1] - curve.accuracy[at])
