"""Pictures as points: colour is the class, shape the domain; and the film through the layers."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from tltk.analyses.embed.result import EmbedResult, Frame
from tltk.plots.names import text
from tltk.plots.theme import PALETTE, ROLES, layout

# Glasbey-like: far apart for the eye in light and dark; after ten classes the colours begin anew.
CLASSES: tuple[str, ...] = tuple(PALETTE["both"]["classes"])
SIDES = (("target", "circle"), ("source", "x"))

HOVER_CHARS = 90  # of a text beside the pointer


def scatter(result: EmbedResult, frame: Frame, colour: str = "class") -> go.Figure:
    """One frame. `colour` is class or domain.

    Args:
        result: Labels and domains of the pictures.
        frame: Coordinates of one layer or epoch.
        colour: What points are coloured by: class or domain.
    """
    return go.Figure(data=_traces(result, frame, colour), layout=_layout())


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


def _traces(result: EmbedResult, frame: Frame, colour: str) -> list[go.Scattergl]:
    """One trace per class and domain; `customdata` is the picture's number on the sheet."""
    names, domain = result.labels, result.domain
    traces = []
    both = result.n["source"] > 0
    classes = sorted(set(names))
    for side, (title, symbol) in enumerate(SIDES if both else SIDES[:1]):
        for number, name in enumerate(classes if colour == "class" else [None]):
            at = [i for i, d in enumerate(domain) if d == side and (name is None or names[i] == name)]
            if not at:
                continue
            shade = ROLES[title] if name is None else CLASSES[number % len(CLASSES)]
            traces.append(
                go.Scatter(
                    x=[frame.x[i] for i in at],
                    y=[frame.y[i] for i in at],
                    mode="markers",
                    customdata=at,
                    name=title if name is None else text(f"{name}, {title}" if both else name),
                    marker={"color": shade, "symbol": symbol, "size": 6 if symbol == "x" else 7, "opacity": 0.85},
                    text=[_hover(result, i, title) for i in at],
                    hovertemplate="%{text}<extra></extra>",
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
