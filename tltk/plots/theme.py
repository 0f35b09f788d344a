"""Colours and layout that all figures share; the colours are those of `assets/palette.json`.

Figures are made with the light colours. Where they are shown on a dark page, the plot component turns each into
the dark colour of the same meaning; what lies under `both` stays.
"""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from tltk import assets

PALETTE: dict[str, Any] = json.loads(assets.text("palette.json"))

# Okabe and Ito (2008), Color universal design; the order is that of the two arms, then the rest.
SEQUENCE: tuple[str, ...] = tuple(PALETTE["light"]["series"])
# What has one meaning has one colour, in every chart, handle and table; no other line of the same chart bears it.
ROLES: dict[str, str] = {
    role: PALETTE["light"][role]
    for role in ("source", "target", "scratch", "transfer", "train", "val", "test", "frozen", "training")
}
SCRATCH, TRANSFER = ROLES["scratch"], ROLES["transfer"]
HELPS, HURTS, UNSURE = SEQUENCE[0], SEQUENCE[1], SCRATCH
NEUTRAL: str = PALETTE["both"]["neutral"]  # of bands, grids and rules, always faint


def faint(colour: str, share: float = 0.18) -> str:
    """The colour, so much of it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def in_dark(colour: str) -> str:
    """What a colour of a role, or one of `SEQUENCE`, is on a dark page."""
    dark: dict[str, Any] = PALETTE["dark"]
    found: str = {colour: dark[role] for role, colour in ROLES.items()}.get(colour) or dark["series"][
        SEQUENCE.index(colour)
    ]
    return found


def css_variables(selector: str) -> str:
    """The palette as custom properties of what the selector names: `--tltk-series-1`, `--tltk-shadow` ….

    The dark ones hold where it bears `data-theme="dark"`.
    """

    def block(where: str, colours: dict[str, Any]) -> str:
        named = {f"series-{i}": colour for i, colour in enumerate(colours.get("series", ()), 1)}
        named |= {name: colour for name, colour in colours.items() if isinstance(colour, str)}
        return f"{where} {{ " + " ".join(f"--tltk-{name}: {colour};" for name, colour in named.items()) + " }\n"

    return block(selector, PALETTE["both"] | PALETTE["light"]) + block(
        f'{selector}[data-theme="dark"]', PALETTE["dark"]
    )


def layout(x: str, y: str, **more: Any) -> go.Layout:
    """Axes with titles and thin lines; the background is the page's own."""
    axis = {"gridcolor": faint(NEUTRAL), "zeroline": False, "automargin": True}
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
