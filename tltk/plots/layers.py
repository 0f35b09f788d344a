"""Figures over depth: columns with their bands, and which layers are alike."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, SEQUENCE, faint, layout
from tltk.results.layers import Column

SYMBOLS = ("circle", "square", "diamond", "triangle-up")  # those of the lanes under the freeze handle, in their order


def profile(
    columns: Sequence[Column], names: Sequence[str], title: str, places: Sequence[int] | None = None
) -> go.Figure:
    """Lines over layers: intervals as whiskers, what chance gives as a grey band, p ≤ .05 as a filled mark.

    Where p-values are corrected, the mark goes by Benjamini and Hochberg's.

    Args:
        columns: One line each; where all are in %, so is the axis.
        names: Of the layers and of what enters the head, as many as each column has values.
        title: Of the vertical axis.
        places: Of each column among all that the page shows: it has the colour and the mark of that place, so that a
            line here is the lane of the same colour under the freeze handle. None = as they come.
    """
    names = [text(name) for name in names]
    figure = go.Figure(layout=layout("Layer", text(title)))
    for column in columns:
        if column.null_hi:
            _band(figure, names, column.null_lo, column.null_hi, text(f"{column.title}: by chance"))
    for i, column in zip(places or range(len(columns)), columns, strict=True):
        colour, symbol = SEQUENCE[i % len(SEQUENCE)], SYMBOLS[i % len(SYMBOLS)]
        sure = [p <= 0.05 for p in column.p_bh or column.p] or [True] * len(column.values)
        error = (
            {
                "type": "data",
                "symmetric": False,
                "thickness": 1,
                "color": faint(colour, 0.7),
                "array": [h - v for h, v in zip(column.hi, column.values, strict=True)],
                "arrayminus": [v - low for low, v in zip(column.lo, column.values, strict=True)],
            }
            if column.hi
            else None
        )
        figure.add_scatter(
            x=names,
            y=column.values,
            mode="lines+markers",
            name=text(column.title),
            error_y=error,
            line={"color": colour},
            marker={"size": 9, "symbol": [symbol if s else f"{symbol}-open" for s in sure]},
            customdata=_p_in_words(column) or None,
            hovertemplate="%{y:.3g}%{customdata}" if column.p else "%{y:.3g}",
        )
    if columns and all(c.unit == "%" for c in columns):
        figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(type="category")
    return figure


def _p_in_words(column: Column) -> list[str]:
    """The p-values of each layer in words."""
    raw = [f"p = {p:.3g}" for p in column.p]
    if not column.p_holm:
        return raw
    return [
        f"{text}; corrected {family:.3g} (Holm), {rate:.3g} (Benjamini–Hochberg)"
        for text, family, rate in zip(raw, column.p_holm, column.p_bh, strict=True)
    ]


def _band(figure: go.Figure, names: Sequence[str], lo: Sequence[float], hi: Sequence[float], name: str) -> None:
    figure.add_scatter(
        x=[*names, *reversed(names)],
        y=[*hi, *reversed(lo)],
        fill="toself",
        mode="lines",
        hoverinfo="skip",
        fillcolor=faint(NEUTRAL, 0.22),
        line={"width": 0},
        name=name,
    )


def cka_heatmap(
    matrix: Sequence[Sequence[float]], rows: Sequence[str], columns: Sequence[str], across: str = ""
) -> go.Figure:
    """CKA between layers, 0 to 1; the diagonal is a layer with itself, or with what it became.

    Args:
        matrix: Centred kernel alignment, (rows, columns), 0 … 1.
        rows: Names of the layers from top to bottom.
        columns: Names of the layers from left to right.
        across: Title of the horizontal axis.
    """
    figure = go.Figure(layout=layout(text(across), "", hovermode="closest"))
    figure.add_heatmap(
        z=matrix,
        x=[text(name) for name in columns],
        y=[text(name) for name in rows],
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
        colorbar={"title": {"text": "CKA"}, "thickness": 12},
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure
