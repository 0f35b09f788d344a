"""A freeze-depth sweep as gaps over depth, with the paper's own curve behind it."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from tltk import assets
from tltk.plots.chart import Chart
from tltk.plots.curves import band
from tltk.plots.names import text
from tltk.plots.theme import NEUTRAL, SCRATCH, SEQUENCE, faint, layout
from tltk.studies.sweep.result import SweepResult

LOOKS = {
    "AnB": (SEQUENCE[0], "circle"),
    "AnB+": (SEQUENCE[2], "square"),
    "BnB": (SEQUENCE[1], "diamond"),
    "BnB+": (SEQUENCE[3], "triangle-up"),
    "random": (SCRATCH, "x"),
}
MOST_NAMES = 10  # layers that are named on the axis
LONGEST = 14  # letters of a layer's name there


def published() -> dict[str, Any]:
    """The paper's means: source, base, layers and accuracy of each arm."""
    found: dict[str, Any] = json.loads(assets.text("published/yosinski.json"))
    return found


def charts(found: SweepResult) -> list[Chart]:
    """The one figure of a sweep."""
    caption = (
        "A is the source, B the target. AnB: the first layers of a network trained on A, frozen; BnB: of one trained "
        "on B; + : all layers learn; random: frozen layers that were never trained. Bands: 95% intervals of the gap "
        f"for other seeds and other test pictures. Thin dashed lines: {published()['source']}, as points more than the "
        f"network from scratch there, with its seven layers spread over the depth here."
    )
    alt = "Gap in test accuracy to a network from scratch by arm and number of layers kept, with the published curves."
    return [Chart(gaps(found), alt, caption, 480)]


def gaps(found: SweepResult) -> go.Figure:
    """Points more than a network from scratch over the layers that are kept, with bands and the published lines."""
    depth = len(found.names) - 1  # the last is the head
    figure = go.Figure(
        layout=layout("Layers kept", "Points more than from scratch", hovermode="closest", margin={"t": 40})
    )
    figure.add_hline(y=0, line={"color": faint(NEUTRAL, 0.8), "width": 1.5})
    for curve in found.curves:
        colour = LOOKS[curve.arm][0]
        band(
            figure,
            curve.layers,
            [max(100 * v, -100) for v in curve.lo],
            [min(100 * v, 100) for v in curve.hi],
            colour,
            0.13,
        )
    for curve in found.curves:
        _ghost(figure, curve.arm, depth)
    dashed = {"color": NEUTRAL, "width": 1.25, "dash": "dash"}
    figure.add_scatter(x=[None], y=[None], mode="lines", name="published (AlexNet)", legendrank=1001, line=dashed)
    for curve in found.curves:
        colour, symbol = LOOKS[curve.arm]
        ends = zip(curve.layers, curve.accuracy, curve.lo, curve.hi, strict=True)
        words = [
            f"{_layer(found, n)}: {100 * accuracy:.1f}%, gap {100 * lo:+.1f} … {100 * hi:+.1f} points"
            for n, accuracy, lo, hi in ends
        ]
        figure.add_scatter(
            x=curve.layers,
            y=[100 * v for v in curve.gap],
            mode="lines+markers",
            name=curve.arm,
            line={"color": colour, "width": 2.5},
            marker={"size": 9, "symbol": symbol},
            text=words,
            hovertemplate="%{fullData.name}%{y:+.1f} points<br>%{text}<extra></extra>",
        )
    low = min([0.0, *(100 * v for c in found.curves for v in (*c.lo, *c.gap))])
    high = max([0.0, *(100 * v for c in found.curves for v in (*c.hi, *c.gap))])
    margin = 0.08 * ((high - low) or 1.0)
    figure.update_yaxes(range=[low - margin, high + margin])  # of what was measured here; a published line may leave it
    layers = sorted({n for c in found.curves for n in c.layers})
    is_named = len(layers) <= MOST_NAMES
    figure.update_xaxes(
        tickmode="array",
        tickvals=layers,
        ticktext=[f"{n}<br>{text(_short(_name(found, n)))}" if is_named else str(n) for n in layers],
        range=[layers[0] - 0.3, layers[-1] + 0.3],
    )
    return figure


def _ghost(figure: go.Figure, arm: str, depth: int) -> None:
    """The paper's line of this arm: points more than its own base, its layers spread over `depth`."""
    known = published()
    accuracy = known["random"] if arm == "random" else known["accuracy"][arm]
    base = known["random_base"] if arm == "random" else known["base"]
    figure.add_scatter(
        x=[n / known["layers"][-1] * depth for n in known["layers"]],
        y=[100 * (value - base) for value in accuracy],
        mode="lines",
        name=f"{arm}, published",
        showlegend=False,
        opacity=0.7,
        line={"color": LOOKS[arm][0], "width": 1.25, "dash": "dash"},
        hovertemplate=f"{arm}, published (AlexNet): %{{y:+.1f}} points<extra></extra>",
    )


def _name(found: SweepResult, n: int) -> str:
    return found.names[n - 1] if n <= len(found.names) else ""


def _layer(found: SweepResult, n: int) -> str:
    name = _name(found, n)
    return text(f"{n} layer{'s' * (n != 1)}, up to {name}" if name else f"{n} layers")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
