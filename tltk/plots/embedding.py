"""Pictures as points: colour is the class, shape the domain; and the film through the layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, PALETTE, ROLES, layout

# Glasbey-like: far apart for the eye in light and dark; after ten classes the colours begin anew.
CLASSES: tuple[str, ...] = tuple(PALETTE["both"]["classes"])
SIDES = (("target", "circle"), ("source", "x"))
DRAWN_ONE_BY_ONE = 3000  # points; more are drawn by WebGL, which a browser has few of at a time
FADED = 0.12  # opacity of the points of classes that are not chosen

HOVER_CHARS = 90  # of a text beside the pointer


def scatter(result: EmbedResult, frame: Frame, colour: str = "class", only: str = "") -> go.Figure:
    """One frame. `colour` is class or domain.

    Args:
        result: Labels and domains of the pictures.
        frame: Coordinates of one layer or epoch.
        colour: What points are coloured by: class or domain.
        only: A class; the points of all others are faint. "" = none are.
    """
    return go.Figure(data=_traces(result, frame, colour, only), layout=_layout())


def film(result: EmbedResult, frames: Sequence[Frame], colour: str = "class") -> go.Figure:
    """All frames, with a button to play them and a slider of the layers.

    Args:
        result: Labels and domains of the pictures.
        frames: Coordinates layer by layer, or epoch by epoch, in the order in which they are played.
        colour: What points are coloured by: class or domain.
    """
    figure = go.Figure(data=_traces(result, frames[0], colour), layout=_layout())
    figure.frames = [
        go.Frame(data=_traces(result, frame, colour), name=_key(i, frame)) for i, frame in enumerate(frames)
    ]
    easing = {"duration": 600, "easing": "cubic-in-out"}
    moving = {"frame": {"duration": 700}, "transition": easing, "fromcurrent": True}
    still = {"mode": "immediate", "frame": {"duration": 0}, "transition": {"duration": 300}}
    steps = [
        {"label": text(frame.name), "method": "animate", "args": [[_key(i, frame)], still]}
        for i, frame in enumerate(frames)
    ]
    play = {"label": "▶ Play", "method": "animate", "args": [None, moving]}
    pause = {"label": "❚❚", "method": "animate", "args": [[None], {**still, "mode": "immediate"}]}
    menu = {"type": "buttons", "direction": "left", "x": 0, "y": -0.08, "yanchor": "top", "buttons": [play, pause]}
    xs = [v for frame in frames for v in frame.x]
    ys = [v for frame in frames for v in frame.y]
    figure.update_layout(
        updatemenus=[{**menu, "pad": {"t": 8}, "showactive": False}],
        sliders=[{"steps": steps, "x": 0.16, "len": 0.84, "y": -0.05, "currentvalue": {"prefix": "At "}}],
        xaxis={"range": _span(xs)},
        yaxis={"range": _span(ys)},
    )
    return figure


def _key(number: int, frame: Frame) -> str:
    """By what the slider finds its frame."""
    return text(f"{number} {frame.name}")


def _span(values: Sequence[float]) -> list[float]:
    margin = 0.05 * ((max(values) - min(values)) or 1.0)
    return [min(values) - margin, max(values) + margin]


def _traces(result: EmbedResult, frame: Frame, colour: str, only: str = "") -> list[go.Scatter | go.Scattergl]:
    """One trace per class and domain; `customdata` is the picture's number on the sheet."""
    names, domain = np.asarray(result.labels), np.asarray(result.domain)
    x, y = np.asarray(frame.x, np.float32), np.asarray(frame.y, np.float32)
    kind = go.Scattergl if len(names) > DRAWN_ONE_BY_ONE else go.Scatter
    traces = []
    both = result.n["source"] > 0
    classes = sorted(set(result.labels))
    groups: list[str | None] = [*classes] if colour == "class" else [None]
    if only and colour == "domain":  # the rest of each domain, then the class on top
        groups = ["", only]
    for side, (title, symbol) in enumerate(SIDES if both else SIDES[:1]):
        for number, name in enumerate(groups):
            inside = names == name if name else names != only if name == "" else np.ones(len(names), bool)
            at = np.flatnonzero((domain == side) & inside)
            if not len(at):
                continue
            shade = ROLES[title] if colour == "domain" else CLASSES[number % len(CLASSES)]
            faded = bool(only) and name != only
            told = title if name is None or name == "" else text(f"{name}, {title}" if both else name)
            traces.append(
                kind(
                    x=x[at],
                    y=y[at],
                    mode="markers",
                    customdata=at.astype(np.int32),
                    name=told,
                    marker={
                        "color": NEUTRAL if faded else shade,
                        "symbol": symbol,
                        "size": 6 if symbol == "x" else 7,
                        "opacity": FADED if faded else 0.85,
                    },
                    meta=[told],
                    text=[_hover(result, i, title) for i in at.tolist()] if result.texts else None,
                    hovertemplate=f"%{{{'text' if result.texts else 'meta[0]'}}}<extra></extra>",
                )
            )
    if (new := frame.placed) is not None:
        traces.append(
            go.Scatter(
                x=[new.x],
                y=[new.y],
                mode="markers",
                name="your picture",
                customdata=[len(names)],
                marker={
                    "color": PALETTE["both"]["placed"],
                    "symbol": "star",
                    "size": 17,
                    "line": {"color": PALETTE["both"]["halo"], "width": 1.5},
                },
                text=["your picture"],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    return traces


def _hover(result: EmbedResult, number: int, title: str) -> str:
    """What is said beside the pointer: class and side, and of a text its beginning."""
    said = result.texts[number] if result.texts else ""
    cut = said if len(said) <= HOVER_CHARS else said[: HOVER_CHARS - 1] + "…"
    return text(f"{result.labels[number]}, {title}" + (f": {cut}" if cut else ""))


def _layout() -> go.Layout:
    bare = {"showticklabels": False, "showgrid": False, "title": {"text": ""}}
    return layout(
        "",
        "",
        hovermode="closest",
        xaxis=bare,
        yaxis={**bare, "scaleanchor": "x"},
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        uirevision="keep",
        dragmode="lasso",
        legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top", "itemsizing": "constant"},
    )
