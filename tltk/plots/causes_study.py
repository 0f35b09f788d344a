"""Causes as bars: what each accounts for at least, and what its counter-experiment came to."""

from __future__ import annotations

import plotly.graph_objects as go

from tltk.plots.chart import Chart
from tltk.plots.names import text
from tltk.plots.theme import HELPS, HURTS, NEUTRAL, SEQUENCE, UNSURE, faint, layout
from tltk.studies.causes.result import CausesResult
from tltk.studies.causes.table import title

COLOURS = {"confirmed": HELPS, "cannot tell": UNSURE, "not confirmed": HURTS}


def charts(found: CausesResult) -> list[Chart]:
    """The share of each cause; and where counter-experiments were made, how each changed the gap."""
    about = (
        "Bars: the least share of what is lost that a likely cause accounts for; faint ones are brought about by "
        "another. The words at the right say how sure it is."
    )
    drawn = [Chart(shares(found), "Causes with the share that each accounts for.", about, 34 * len(found.causes) + 110)]
    made = [one for one in found.causes if one.outcome]
    if made:
        told = "Points by which the gap grows once the cause is taken away, with intervals: above 0 it is confirmed."
        drawn.append(Chart(changes(found), "Change of the gap by cause taken away.", told, 40 * len(made) + 120))
    return drawn


def shares(found: CausesResult) -> go.Figure:
    """A bar for each cause, the likeliest first."""
    names = [text(title(one)) for one in found.causes]
    figure = go.Figure(layout=layout("Share that it accounts for, at least", "", hovermode="closest"))
    figure.add_bar(
        x=[one.score if one.level == "likely" else 0.0 for one in found.causes],
        y=names,
        orientation="h",
        marker={"color": [faint(SEQUENCE[0], 0.35) if one.behind else SEQUENCE[0] for one in found.causes]},
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )
    beside = {"xref": "paper", "x": 1.01, "xanchor": "left", "showarrow": False}
    marks = [{**beside, "y": name, "text": one.level} for name, one in zip(names, found.causes, strict=True)]
    figure.update_layout(annotations=marks, margin={"r": 90}, showlegend=False)
    figure.update_xaxes(range=[0, 1], tickformat=".0%", showgrid=True)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure


def changes(found: CausesResult) -> go.Figure:
    """A dot with its interval for each counter-experiment."""
    figure = go.Figure(layout=layout("Points by which the gap grows", "", hovermode="closest"))
    figure.add_vline(x=0, line={"color": faint(NEUTRAL, 0.8), "width": 1})
    for one in found.causes:
        if one.outcome is None:
            continue
        o, colour = one.outcome, COLOURS[one.outcome.answer]
        figure.add_scatter(
            x=[100 * o.change],
            y=[text(title(one))],
            mode="markers",
            marker={"color": colour, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "color": faint(colour, 0.7),
                "array": [100 * (o.hi - o.change)],
                "arrayminus": [100 * (o.change - o.lo)],
            },
            hovertemplate=f"%{{y}}: %{{x:+.1f}} points, {o.answer}<extra></extra>",
        )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(showgrid=True)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure
