"""A chart that keeps its zoom: Plotly drawn by a component of our own, live where asked.

Mounts `assets/components/plot`, which loads plotly.js from our own route (`routes.py`) and, with `live`, follows
the rows of a run over HTTP, so that no page runs again for a new point. Figures are made with the light colours of
`assets/palette.json`; in the dark theme the component turns each into its dark counterpart.
"""

from __future__ import annotations

import base64
import json
from importlib.metadata import version
from typing import Any, NotRequired, Protocol, TypedDict

import numpy as np
import streamlit as st

from tltk import assets
from tltk.dashboard import modules


class Live(TypedDict):
    """A run to follow: `/tltk/live/<run id>`, with `?name=…&split=…&x=…&role=…` as wanted."""

    url: str
    every_ms: NotRequired[int]  # 500 where absent
    unit: NotRequired[str]  # what the run counts: epoch where absent


class Trace(TypedDict):
    """A line of `figure["traces"]`, coloured by its group in the light and the dark theme."""

    name: str
    group: str  # scratch, transfer, or any other; one legend entry a group
    x: list[float]
    y: list[float]
    id: NotRequired[str]  # where a live line of that id goes on
    role: NotRequired[str]  # search: drawn faint


class Figure(Protocol):
    """What plotly's figures can do."""

    def to_json(self) -> str:
        """The figure as JSON."""


_component = st.components.v2.component(
    "tltk_plot",
    css=assets.text("components/plot/style.css"),
    js=modules.loader(),
    isolate_styles=False,  # plotly.js styles document.head
)


def plot(figure: dict[str, Any] | Figure, *, key: str, alt: str, height: int = 380, live: Live | None = None) -> bool:
    """Draw a figure; zoom, legend and hover outlive every change of its data.

    Args:
        figure: A plotly figure or its JSON as a dict (`data`, `layout`). Under `traces` it may hold
            lines of ours (`Trace`). Colours that it does not set follow the theme.
        key: Of the component.
        alt: What the chart shows, for those who cannot see it; a table is offered beside.
        height: In pixels.
        live: A run whose points are added while it runs.

    Returns:
        True on the one run of the page that the end of the live run caused.
    """
    return bool(_mount(figure, key=key, alt=alt, height=height, live=live).get("finished"))


def pick(
    figure: dict[str, Any] | Figure, *, key: str, alt: str, height: int = 460, stamp: str = ""
) -> list[int] | None:
    """Draw points that can be clicked, or drawn around; each carries its number as `customdata`.

    Args:
        figure: A plotly figure or its JSON as a dict.
        key: Of the component.
        alt: What the chart shows, for those who cannot see it.
        height: In pixels.
        stamp: Equal for equal figures, of which the second need not be drawn; "" = it is not known.

    Returns:
        The numbers that the user chose since the last run of the page, [] when the choice was undone,
        else None.
    """
    found = _mount(figure, key=key, alt=alt, height=height, select=True, stamp=stamp).get("picked")
    return None if found is None else _numbers(found)


def _numbers(picked: list[int] | dict[str, str]) -> list[int]:
    """The numbers as the browser sends them: each, or of many a map with a bit for each."""
    if not isinstance(picked, dict):
        return [int(number) for number in picked]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(picked["bits"]), np.uint8), bitorder="little")
    found: list[int] = np.flatnonzero(bits).tolist()
    return found


def as_dict(figure: Figure) -> dict[str, Any]:
    """A plotly figure as it is sent, to be kept: it takes as long to make as all else on a page."""
    found: dict[str, Any] = json.loads(figure.to_json())
    return found


def _mount(figure: dict[str, Any] | Figure, *, key: str, **data: Any) -> Any:
    """Mount the component; its answer holds what happened since the last run of the page."""
    content = figure if isinstance(figure, dict) else as_dict(figure)
    drawn: dict[str, Any] = {"data": [], "traces": [], "frames": []} | content
    layout = {name: value for name, value in content.get("layout", {}).items() if name != "template"}
    return _component(
        key=key,
        data={
            "figure": {"layout": layout} | {name: drawn[name] for name in ("data", "traces", "frames")},
            "live": None,
            "module": modules.url("components/plot/index.js"),
            "plotly": f"/tltk/plotly.js?v={version('plotly')}",
            **data,
        },
        on_finished_change=lambda: None,
        on_picked_change=lambda: None,
    )
