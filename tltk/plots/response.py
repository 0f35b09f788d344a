"""Figures of the shift lab: from which setting on each measure sees each dial, and how it rises with it."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tltk.analyses.dial_response.result import DialLevels, DialResponseResult
from tltk.plots.names import text as as_text
from tltk.plots.phases import SCALE
from tltk.plots.theme import NEUTRAL, SEQUENCE, faint, layout

ACROSS = 5  # small charts in a row
NEVER = faint(NEUTRAL, 0.16)


def figure_of(level: float | str) -> str:
    """A dial's setting as one reads it."""
    return as_text(level) if isinstance(level, str) else f"{level:.3g}"


def detection(found: DialResponseResult) -> go.Figure:
    """Dials × measures: the setting from which on a measure sees the dial, darker the smaller its share of the way.

    The dials that most measures see soonest come first; grey = not seen even at the dial's end.
    """
    measures = found.measures
    first = {d.name: [found.seen[m][d.name] for m in measures] for d in found.dials}
    share = {d.name: [None if i is None else d.shares[i] for i in first[d.name]] for d in found.dials}

    def lateness(dial: DialLevels) -> float:
        return sum(2.0 if s is None else s for s in share[dial.name])

    dials = sorted(found.dials, key=lateness, reverse=True)  # plotly's first row is the lowest
    z = [share[d.name] for d in dials]
    text = [["" if i is None else figure_of(d.levels[i]) for i in first[d.name]] for d in dials]
    last = [[found.cells[m][d.name][-1] for m in measures] for d in dials]
    ends = [
        [f"at its end {test.effect:.1f} standard deviations above chance, p = {test.p:.3g}" for test in row]
        for row in last
    ]
    names = [as_text(m.replace("_", " ")) for m in measures]
    rows = [f"{as_text(d.label)}, {figure_of(d.levels[0])} to {figure_of(d.levels[-1])}" for d in dials]
    figure = go.Figure(layout=layout("", "", hovermode="closest", margin={"l": 10, "r": 10, "t": 10, "b": 10}))
    # Equal doublings get equal steps of colour: the scale is in shares, so that a table of it can be read.
    shades = [[0, SCALE[2][1]], [0.125, SCALE[2][1]], [0.5, SCALE[1][1]], [1, SCALE[0][1]]]
    unseen = [[1 if s is None else None for s in row] for row in z]
    for part, scale, shown, words, name in (
        (unseen, [[0, NEVER], [1, NEVER]], "", "not seen", "not seen"),
        (z, shades, "%{text}", "seen from %{text} on", "seen from this share of the way on"),
    ):
        figure.add_heatmap(
            x=names,
            y=rows,
            z=part,
            text=text,
            customdata=ends,
            texttemplate=shown,
            colorscale=scale,
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
            name=name,
            hovertemplate="%{y}<br>%{x}: " + words + "<br>%{customdata}<extra></extra>",
        )
    figure.update_xaxes(type="category", side="top", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    return figure


def rise(found: DialResponseResult, measure: str) -> go.Figure:
    """A small chart for each dial: the measure's value by setting, with the band of its null; filled = p ≤ .05."""
    dials = found.dials
    count = -(-len(dials) // ACROSS)
    figure = make_subplots(
        count,
        min(ACROSS, len(dials)),
        subplot_titles=[as_text(d.label) for d in dials],
        horizontal_spacing=0.06,
        vertical_spacing=0.3 / count,
    )
    margin = {"l": 10, "r": 10, "t": 36, "b": 30}
    figure.update_layout(layout("", "", hovermode="closest", showlegend=False, margin=margin))
    figure.update_annotations(font={"size": 13})
    for number, dial in enumerate(dials):
        place = {"row": number // ACROSS + 1, "col": number % ACROSS + 1}
        tests = found.cells[measure][dial.name]
        at = list(range(len(tests)))
        figure.add_scatter(
            x=[*at, *reversed(at)],
            y=[*(t.hi for t in tests), *(t.lo for t in reversed(tests))],
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=faint(NEUTRAL, 0.3),
            hoverinfo="skip",
            name=as_text(f"{dial.label}, by chance"),
            **place,
        )
        figure.add_scatter(
            x=at,
            y=[t.value for t in tests],
            mode="lines+markers",
            name=as_text(dial.label),
            line={"color": SEQUENCE[0], "width": 2},
            marker={"size": 8, "symbol": ["circle" if t.p <= 0.05 else "circle-open" for t in tests]},
            text=[f"{figure_of(t.level)}: {t.value:.3g}, p = {t.p:.3g}" for t in tests],
            customdata=[t.effect for t in tests],
            hovertemplate="%{text}<br>%{customdata:.1f} standard deviations above chance<extra></extra>",
            **place,
        )
        ends = [figure_of(dial.levels[0]), figure_of(dial.levels[-1])]
        figure.update_xaxes(
            tickvals=[at[0], at[-1]], ticktext=ends, range=[-0.3, at[-1] + 0.3], showgrid=False, tickangle=0, **place
        )
    figure.update_yaxes(nticks=4, tickformat="~g", gridcolor=faint(NEUTRAL), zeroline=False)
    return figure
