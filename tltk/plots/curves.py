"""Learning curves with bands, and the gap of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from tltk.plots.accuracy import Idle, accuracy_axis, chance_line
from tltk.plots.names import text
from tltk.plots.theme import HELPS, HURTS, NEUTRAL, ROLES, SEQUENCE, UNSURE, faint, layout
from tltk.results.curves import Curve
from tltk.results.verdict import ClassGap

UNITS = {
    "step": "Optimiser steps",
    "epoch": "Epochs",
    "images": "Pictures seen",
    "seconds": "Seconds of training",
    "gflops": "GFLOPs spent",
}


def is_share(quantity: str) -> bool:
    """Whether what goes upwards is a share, 0 … 1: an accuracy or an F1."""
    return quantity.lower().endswith(("accuracy", "f1"))


def _layout(quantity: str, x: str, idle: Idle | None) -> go.Layout:
    """Axes of curves: those of shares are in percent and hold all that is possible, live as well as done."""
    found = layout(UNITS[x], text(quantity), **(chance_line(*idle) if idle else {}))
    return found.update(yaxis=accuracy_axis()) if is_share(quantity) else found


def arms(
    curves: Mapping[str, Curve],
    quantity: str,
    x: str,
    seeds: Mapping[str, Sequence[Curve]],
    guessing: Idle | None = None,
) -> go.Figure:
    """Mean and 95% band of each arm, with every seed as a thin line.

    Args:
        curves: Mean with its band, by arm.
        quantity: What goes upwards, as a title; of a share the band ends at 1, of anything at 0.
        x: What goes to the right, one of `UNITS`.
        seeds: The curve of each seed, by arm.
        guessing: The accuracy that takes no learning, and what it is of (`results.guessing`); None = not known.
    """
    figure = go.Figure(layout=_layout(quantity, x, guessing))
    most = 1.0 if is_share(quantity) else math.inf
    for arm, curve in curves.items():
        colour = ROLES[arm]
        dash = "dash" if arm == "scratch" else "solid"
        if curve.hi:
            upper, lower = [min(v, most) for v in curve.hi], [max(v, 0.0) for v in curve.lo]
            figure.add_scatter(
                x=[*curve.x, *reversed(curve.x)],
                y=[*upper, *reversed(lower)],
                fill="toself",
                mode="lines",
                fillcolor=faint(colour),
                line={"width": 0},
                hoverinfo="skip",
                name=f"{arm}, 95% interval",
                legendgroup=arm,
                showlegend=False,
            )
        for one in seeds.get(arm, ()):
            figure.add_scatter(
                x=one.x,
                y=one.y,
                mode="lines",
                line={"color": colour, "width": 1, "dash": dash},
                opacity=0.45,
                legendgroup=arm,
                showlegend=False,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=curve.x,
            y=curve.y,
            mode="lines+markers",
            name=arm,
            legendgroup=arm,
            line={"color": colour, "width": 3, "dash": dash},
            marker={"size": 5},
        )
    return figure


def band(
    figure: go.Figure,
    x: Sequence[float],
    lo: Sequence[float],
    hi: Sequence[float],
    colour: str,
    share: float = 0.18,
    most: float = math.inf,
) -> None:
    """Shade what lies between two lines.

    Args:
        figure: To which it is added.
        x: Of the points, as many as there are ends.
        lo: Lower ends.
        hi: Upper ends.
        colour: Of the line that it belongs to.
        share: How much of the colour.
        most: Where the quantity ends.
    """
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*(min(v, most) for v in hi), *reversed(lo)],
        fill="toself",
        mode="lines",
        fillcolor=faint(colour, share),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        name="95% interval",
    )


def lines(curves: Mapping[str, Curve], quantity: str, x: str, idle: Idle | None = None) -> go.Figure:
    """Several runs' curves over one another; those of a role, such as train, in its own colour.

    Args:
        curves: By the name that the legend gives them.
        quantity: Title of the vertical axis.
        x: What they run over, one of `UNITS`.
        idle: The accuracy that takes no learning, and what it is of; None = not known.
    """
    figure = go.Figure(layout=_layout(quantity, x, idle))
    for i, (name, curve) in enumerate(curves.items()):
        figure.add_scatter(
            x=curve.x,
            y=curve.y,
            mode="lines+markers",
            name=text(name),
            marker={"size": 4},
            line={
                "color": ROLES.get(name, SEQUENCE[i % len(SEQUENCE)]),
                "dash": "solid" if i < len(SEQUENCE) else "dot",
            },
        )
    return figure


def class_gaps(gaps: Sequence[ClassGap], chosen: str = "") -> go.Figure:
    """Transfer minus scratch for each class, in points, with its interval; sorted by the gap.

    Args:
        gaps: Of every class.
        chosen: A class that is looked at, whose line is marked; "" = none.
    """
    ordered = sorted(gaps, key=lambda g: g.gap)
    colours = [{"helps": HELPS, "hurts": HURTS}.get(g.label, UNSURE) for g in ordered]
    signs = [{"helps": "triangle-up", "hurts": "triangle-down"}.get(g.label, "circle-open") for g in ordered]
    figure = go.Figure(layout=layout("Gap in points: transfer − scratch", "", hovermode="closest", showlegend=False))
    figure.add_vline(x=0, line={"color": faint(NEUTRAL, 0.7), "width": 1})
    figure.add_scatter(
        x=[100 * g.gap for g in ordered],
        y=[text(g.name) for g in ordered],
        mode="markers",
        marker={
            "color": colours,
            "size": [15 if g.name == chosen else 11 for g in ordered],
            "symbol": signs,
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "color": faint(NEUTRAL, 0.8),
            "array": [100 * (min(g.hi, 1.0) - g.gap) for g in ordered],
            "arrayminus": [100 * (g.gap - max(g.lo, -1.0)) for g in ordered],
        },
        text=[f"{g.label}: scratch {g.scratch:.0%}, transfer {g.transfer:.0%}" for g in ordered],
        hovertemplate="%{y}: %{x:+.1f} points<br>%{text}<extra></extra>",
    )
    figure.update_yaxes(type="category")
    for row, gap in enumerate(ordered):
        if gap.name == chosen:
            figure.add_hrect(y0=row - 0.5, y1=row + 0.5, fillcolor=faint(NEUTRAL, 0.15), line_width=0, layer="below")
    return figure
