"""Learning curves with bands, and the gap of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from tltk.plots.theme import HELPS, HURTS, SCRATCH, SEQUENCE, TRANSFER, UNSURE, layout
from tltk.results import ClassGap, Curve

UNITS = {"step": "Optimiser steps", "epoch": "Epochs", "seconds": "Seconds of training"}


def faint(colour: str, share: float = 0.18) -> str:
    """The colour, so much of it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def arms(curves: Mapping[str, Curve], quantity: str, x: str, seeds: Mapping[str, Sequence[Curve]]) -> go.Figure:
    """Mean and 95 % band of each arm, with every seed as a thin line."""
    figure = go.Figure(layout=layout(UNITS[x], quantity))
    for arm, curve in curves.items():
        colour = {"scratch": SCRATCH, "transfer": TRANSFER}[arm]
        dash = "dash" if arm == "scratch" else "solid"
        if curve.hi:
            figure.add_scatter(
                x=[*curve.x, *reversed(curve.x)], y=[*curve.hi, *reversed(curve.lo)], fill="toself", mode="lines",
                fillcolor=faint(colour), line={"width": 0}, hoverinfo="skip", name=f"{arm}, 95 % interval",
                legendgroup=arm, showlegend=False,
            )  # fmt: skip
        for one in seeds.get(arm, ()):
            figure.add_scatter(
                x=one.x, y=one.y, mode="lines", line={"color": colour, "width": 1, "dash": dash}, opacity=0.45,
                legendgroup=arm, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=curve.x, y=curve.y, mode="lines+markers", name=arm, legendgroup=arm,
            line={"color": colour, "width": 3, "dash": dash}, marker={"size": 5},
        )  # fmt: skip
    return figure


def lines(curves: Mapping[str, Curve], quantity: str, x: str) -> go.Figure:
    """Several runs' curves over one another."""
    figure = go.Figure(layout=layout(UNITS[x], quantity))
    for i, (name, curve) in enumerate(curves.items()):
        figure.add_scatter(
            x=curve.x, y=curve.y, mode="lines+markers", name=name, marker={"size": 4},
            line={"color": SEQUENCE[i % len(SEQUENCE)], "dash": "solid" if i < len(SEQUENCE) else "dot"},
        )  # fmt: skip
    return figure


def class_gaps(gaps: Sequence[ClassGap]) -> go.Figure:
    """Transfer minus scratch for each class, in points, with its interval; sorted by the gap."""
    ordered = sorted(gaps, key=lambda g: g.gap)
    colours = [{"helps": HELPS, "hurts": HURTS}.get(g.label, UNSURE) for g in ordered]
    signs = [{"helps": "triangle-up", "hurts": "triangle-down"}.get(g.label, "circle-open") for g in ordered]
    figure = go.Figure(layout=layout("Gap in points: transfer − scratch", "", hovermode="closest", showlegend=False))
    figure.add_vline(x=0, line={"color": "rgba(127,127,127,0.7)", "width": 1})
    figure.add_scatter(
        x=[100 * g.gap for g in ordered], y=[g.name for g in ordered], mode="markers",
        marker={"color": colours, "size": 11, "symbol": signs},
        error_x={
            "type": "data", "symmetric": False, "color": "rgba(127,127,127,0.8)",
            "array": [100 * (g.hi - g.gap) for g in ordered], "arrayminus": [100 * (g.gap - g.lo) for g in ordered],
        },
        text=[f"{g.label}: scratch {g.scratch:.0%}, transfer {g.transfer:.0%}" for g in ordered],
        hovertemplate="%{y}: %{x:+.1f} points<br>%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(type="category")
    return figure
