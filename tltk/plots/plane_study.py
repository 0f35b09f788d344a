"""A stability–plasticity plane: what is learned of the target against what is kept of the source."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.accuracy import show_accuracies
from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, SEQUENCE, faint, layout
from tltk.studies.plane.result import PlaneResult, PointResult

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star")


def charts(found: PlaneResult) -> list[Chart]:
    """The one figure of a plane."""
    caption = (
        "Right: better on the target; up: less of the source forgotten. Filled: no other technique has both means "
        "higher. Bars: 95% intervals, for other seeds and pictures on the target, over the seeds on the source. A "
        "line joins the values of one knob; the dotted line is the source's accuracy before."
    )
    alt = "Accuracy on the source over accuracy on the target of each technique, with intervals."
    return [Chart(points(found), alt, caption, 480)]


def points(found: PlaneResult) -> go.Figure:
    """Techniques as points with intervals; those of one path are joined, those on the front filled."""
    figure = go.Figure(layout=layout("Accuracy on the target", "Accuracy on the source", hovermode="closest"))
    figure.add_hline(y=found.source_before, line={"color": faint(NEUTRAL, 0.8), "width": 1, "dash": "dot"})
    for number, path in enumerate(dict.fromkeys(p.path for p in found.points)):
        colour, symbol = SEQUENCE[number % len(SEQUENCE)], SYMBOLS[number // len(SEQUENCE) % len(SYMBOLS)]
        own = [p for p in found.points if p.path == path]
        figure.add_scatter(
            x=[p.target for p in own],
            y=[p.source for p in own],
            mode="lines+markers" if len(own) > 1 else "markers",
            name=text(path),
            line={"color": colour, "width": 1},
            marker={
                "color": colour,
                "size": 11,
                "symbol": [symbol if p.on_front else f"{symbol}-open" for p in own],
                "line": {"width": 2, "color": colour},
            },
            error_x=_bars([p.target for p in own], [p.target_lo for p in own], [p.target_hi for p in own], colour),
            error_y=_bars([p.source for p in own], [p.source_lo for p in own], [p.source_hi for p in own], colour),
            text=[_in_words(p) for p in own],
            hovertemplate="%{text}<extra></extra>",
        )
    show_accuracies(figure, "y", [found.source_before, *(v for p in found.points for v in (p.source_lo, p.source_hi))])
    show_accuracies(figure, "x", [v for p in found.points for v in (p.target_lo, p.target_hi)])  # its chance is known
    figure.update_xaxes(showgrid=True)
    return figure


def _in_words(point: PointResult) -> str:
    return text(f"{point.name}: target {point.target:.1%}, source {point.source:.1%}, forgotten {point.forgotten:.1%}")


def _bars(mean: list[float], lo: list[float], hi: list[float], colour: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1,
        "width": 3,
        "color": faint(colour, 0.5),
        "array": [min(h, 1.0) - m for h, m in zip(hi, mean, strict=True)],
        "arrayminus": [m - max(low, 0.0) for low, m in zip(lo, mean, strict=True)],
    }
