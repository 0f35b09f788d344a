"""An atlas: the gap of every source on every target, and whether the distance of two domains tells it."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import HELPS, HURTS, NEUTRAL, UNSURE, faint, layout
from tltk.studies.atlas.result import AtlasResult
from tltk.studies.atlas.table import MARKS

SHADES = [[0, faint(HURTS, 0.55)], [0.5, faint(NEUTRAL, 0.12)], [1, faint(HELPS, 0.55)]]
LOOKS = {"helps": (HELPS, "triangle-up"), "hurts": (HURTS, "triangle-down")}


def charts(found: AtlasResult) -> list[Chart]:
    """The map of pairs, and where distances are known, the gap over distance."""
    about = "Points more than from scratch. + helps, − hurts, = no difference, ? cannot tell; all pairs at once."
    alt = "Gap to scratch of every source, by row, on every target, by column."
    drawn = [Chart(pairs(found), alt, about, 90 + 64 * len(found.domains))]
    if any(j.mmd is not None for j in found.journeys):
        told = "Each point is a pair: the squared MMD of its domains in the source network's features, and its gap."
        if found.correlation is not None:
            told += f" Spearman's rank correlation is {_signed(found.correlation)}"
            low, high = found.correlation_lo, found.correlation_hi
            known = low is not None and high is not None
            told += f" (95% interval {_signed(low)} … {_signed(high)})." if known else "."
        drawn.append(Chart(over_distance(found), "Gap to scratch over the distance of the two domains.", told, 380))
    return drawn


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def pairs(found: AtlasResult) -> go.Figure:
    """Sources × targets: blue where transfer helps, orange where it hurts, deeper the larger the gap."""
    by = {(j.source, j.target): j for j in found.journeys}
    cells = [[by.get((source, target)) for target in found.domains] for source in found.domains]
    most = max([100 * abs(j.gap) for j in found.journeys], default=0.0) or 1.0
    names = [text(name) for name in found.domains]
    figure = go.Figure(layout=layout("Target", "Source", hovermode="closest"))
    figure.add_heatmap(
        x=names,
        y=names,
        z=[[None if j is None else 100 * j.gap for j in row] for row in cells],
        customdata=[["" if j is None else f"{100 * j.lo:+.1f} … {100 * j.hi:+.1f}" for j in row] for row in cells],
        zmin=-most,
        zmax=most,
        colorscale=SHADES,
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "points"}, "thickness": 12},
        hovertemplate="%{y} → %{x}: %{z:+.1f} points (%{customdata})<extra></extra>",
        hoverongaps=False,
    )
    for j in found.journeys:  # not the cells' own text, whose colour takes no account of the page behind them
        told = f"{MARKS[j.label]} {100 * abs(j.gap):.1f}"
        figure.add_annotation(x=text(j.target), y=text(j.source), text=told, showarrow=False)
    figure.update_xaxes(type="category", showgrid=False, title={"standoff": 8})
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, title={"standoff": 8})
    return figure


def over_distance(found: AtlasResult) -> go.Figure:
    """Gap over distance, a point for each pair, with its interval."""
    figure = go.Figure(layout=layout("Squared MMD", "Points more than from scratch", hovermode="closest"))
    figure.add_hline(y=0, line={"color": faint(NEUTRAL, 0.8), "width": 1})
    for label in MARKS:
        own = [j for j in found.journeys if j.label == label and j.mmd is not None]
        if not own:
            continue
        colour, symbol = LOOKS.get(label, (UNSURE, "circle-open"))
        figure.add_scatter(
            x=[j.mmd for j in own],
            y=[100 * j.gap for j in own],
            mode="markers",
            name=label,
            marker={"color": colour, "size": 10, "symbol": symbol},
            error_y={
                "type": "data",
                "symmetric": False,
                "thickness": 1,
                "color": faint(colour, 0.6),
                "array": [100 * (min(j.hi, 1.0) - j.gap) for j in own],
                "arrayminus": [100 * (j.gap - max(j.lo, -1.0)) for j in own],
            },
            text=[text(f"{j.source} → {j.target}") for j in own],
            hovertemplate="%{text}: %{y:+.1f} points at %{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(showgrid=True)
    return figure
