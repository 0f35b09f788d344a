"""Colours and layout that all figures share."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

# Okabe and Ito (2008), Color universal design; the order is that of the two arms, then the rest.
SCRATCH, TRANSFER = "#7a7a7a", "#2b8fd0"
HELPS, HURTS, UNSURE = "#2b8fd0", "#D55E00", "#8a8a8a"
FROZEN = "rgba(127,127,127,0.14)"
SEQUENCE = ("#2b8fd0", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def layout(x: str, y: str, **more: Any) -> go.Layout:
    """Axes with titles and thin lines; the background is the page's own."""
    axis = {"gridcolor": "rgba(127,127,127,0.18)", "zeroline": False, "automargin": True}
    settings: dict[str, Any] = {
        "xaxis": {**axis, "title": {"text": x}},
        "yaxis": {**axis, "title": {"text": y}},
        "margin": {"l": 60, "r": 20, "t": 30, "b": 50},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
    }
    for name, value in more.items():
        settings[name] = {**settings.get(name, {}), **value} if isinstance(value, dict) else value
    return go.Layout(settings)
