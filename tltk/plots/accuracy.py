"""Axes of accuracies: in percent, never beyond what is possible, with a line where nothing is learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go

from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, faint

FULL = (-0.02, 1.02)  # with room for the marks at either end
Idle = tuple[float, str]  # an accuracy that takes no learning, and what it is of (`results.words.guessing`)


def accuracy_axis(title: str = "") -> dict[str, Any]:
    """An axis over all that an accuracy can be, the same while a run goes on and once it is done.

    Args:
        title: Of the axis; "" = none.
    """
    ticks = {
        "tickformat": ".0%",
        "hoverformat": ".1%",
        "range": list(FULL),
        "minallowed": FULL[0],
        "maxallowed": FULL[1],
    }
    return {**ticks, "title": {"text": text(title)}} if title else ticks


def chance_line(share: float, words: str, axis: str = "y") -> dict[str, Any]:
    """A line where what takes no learning would be, as a part of a layout.

    Args:
        share: The accuracy of guessing, or of always naming one class.
        words: What it is the accuracy of.
        axis: Which of the two has the accuracy: x or y.
    """
    other, line = {"x": "y", "y": "x"}[axis], {"color": faint(NEUTRAL, 0.8), "width": 1, "dash": "dot"}
    ends = {f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1, f"{axis}0": share, f"{axis}1": share}
    place = {"x": {"xanchor": "left", "y": 0, "yref": "paper"}, "y": {"xanchor": "right", "x": 1, "xref": "paper"}}
    told = {
        "text": f"{text(words)}: {100 * share:.0f}%",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11},
    }
    return {"shapes": [{"type": "line", **ends, "line": line}], "annotations": [{**told, **place[axis], axis: share}]}


def show_accuracies(figure: go.Figure, axis: str, values: Iterable[float]) -> None:
    """Scale an axis to measured accuracies, and mark it as one that may have the line of `draw_idle`.

    Args:
        figure: Whose axis it is.
        axis: x or y.
        values: All that must be seen, ends of intervals too, 0 … 1.
    """
    figure.update_layout({f"{axis}axis": {**accuracy_axis(), "range": _range(values)}, "meta": {"accuracy": axis}})


def draw_idle(figure: go.Figure, idle: Idle | None) -> None:
    """On a figure with measured accuracies, draw where what takes no learning would be; others stay.

    Args:
        figure: Of a study.
        idle: The accuracy that takes no learning, and what it is of; None = not known.
    """
    axis = (figure.layout.meta or {}).get("accuracy")
    if axis is None or idle is None:
        return
    line, scale = chance_line(*idle, axis=axis), figure.layout[f"{axis}axis"]
    low, high = scale.range
    scale.range = [min(low, _range([idle[0]])[0]), max(high, _range([idle[0]])[1])]
    figure.add_shape(line["shapes"][0])
    figure.add_annotation(line["annotations"][0])


def _range(values: Iterable[float]) -> list[float]:
    """What holds the values with a margin, and ends where accuracies do."""
    seen = [min(max(v, 0.0), 1.0) for v in values]
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    margin = max(0.06 * (high - low), 0.02)
    return [max(low - margin, FULL[0]), min(high + margin, FULL[1])]
