"""A strategy's plan as layers × epochs, and what layers did: rates and distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from tltk.plots.names import text
from tltk.plots.theme import PALETTE, ROLES, SEQUENCE, faint, layout
from tltk.strategies.phase import Phase

SCALE = [[share, colour] for share, colour in zip((0.0, 0.5, 1.0), PALETTE["both"]["ramp"], strict=True)]


def plan(phases: Sequence[Phase], names: Sequence[str], lr: float) -> go.Figure:
    """Layers (input at the bottom) × epochs; colour = learning rate, faint in the colour of what is frozen = frozen.

    Args:
        phases: Of a strategy, each with a relative learning rate for every layer; 0 = frozen.
        names: Of the layers and the head, input first.
        lr: Learning rate that those of the phases are relative to.
    """
    import math

    rates = [[lr * p.lr_scale[i] or None for p in phases for _ in range(p.epochs)] for i in range(len(names))]
    logs = [[None if r is None else math.log10(r) for r in row] for row in rates]
    epochs = list(range(1, len(rates[0]) + 1))
    written = [["frozen" if r is None else f"{r:.2g}" for r in row] for row in rates]
    rows = [text(name) for name in names]
    found = [v for row in logs for v in row if v is not None]
    low, high = min(found), max(found)
    figure = go.Figure(layout=layout("Epoch", "", hovermode="closest"))
    frozen = [[None if v is not None else 0 for v in row] for row in logs]
    figure.add_heatmap(
        x=epochs,
        y=rows,
        z=frozen,
        colorscale=[[0, faint(ROLES["frozen"], 0.3)], [1, faint(ROLES["frozen"], 0.3)]],
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{y}, epoch %{x}: frozen<extra></extra>",
    )
    figure.add_heatmap(
        x=epochs,
        y=rows,
        z=logs,
        colorscale=SCALE,
        zmin=low - (low == high),
        zmax=high,
        text=written,
        xgap=1,
        ygap=1,
        hovertemplate="%{y}, epoch %{x}: rate %{text}<extra></extra>",
        colorbar={
            "title": {"text": "rate"},
            "thickness": 10,
            "len": 0.9,
            "tickvals": sorted({low, high}),
            "ticktext": [f"{10**v:.2g}" for v in sorted({low, high})],
        },
    )
    figure.update_yaxes(type="category")
    figure.update_xaxes(dtick=max(len(epochs) // 10, 1))
    return figure


def by_layer(
    values: Mapping[str, Sequence[float]], names: Sequence[str], quantity: str, log: bool = False
) -> go.Figure:
    """One quantity per layer, several moments or runs over one another.

    Args:
        values: Name in the legend → a number for each layer.
        names: Of the layers, input first.
        quantity: Title of the vertical axis.
        log: Logarithmic vertical axis; zeros are left out of it.
    """
    figure = go.Figure(layout=layout("Layer, from the input to the head", text(quantity)))
    for i, (label, series) in enumerate(values.items()):
        shown = [v or None for v in series] if log else list(series)
        figure.add_scatter(
            x=[text(name) for name in names],
            y=shown,
            mode="lines+markers",
            name=text(label),
            connectgaps=False,
            line={"color": SEQUENCE[i % len(SEQUENCE)]},
        )
    figure.update_xaxes(type="category")
    if log:
        figure.update_yaxes(type="log", exponentformat="power")
    return figure
