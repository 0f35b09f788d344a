"""The freeze handle: a network drawn as its layers, and the boundary that is dragged over them.

Mounts `assets/components/freeze_handle`. The boundary comes back once, when it was moved; the page keeps it.
Overlays make the handle the depth axis of a page: each is drawn as a lane above the layers, and what it says at
the cut follows the hand without the server.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from numbers import Real
from typing import Any, NotRequired, TypedDict

import streamlit as st

from tltk import assets
from tltk.dashboard import modules
from tltk.errors import BadSpec
from tltk.plots.theme import css_variables
from tltk.results.layers import Layer
from tltk.training.cost import Estimate


class Cost(TypedDict):
    """The estimates under the handle, which follow it in the browser."""

    epochs: int
    steps: int  # of the whole run
    head_parameters: int
    estimates: Sequence[Estimate]  # one for each boundary, from 0 to the number of layers


class Overlay(TypedDict):
    """A quantity over depth: a number per layer, and maybe one more for what enters the head."""

    name: str
    values: Sequence[float | None]  # None = not known: a gap
    lo: NotRequired[Sequence[float | None]]  # 95% interval, as long as the values
    hi: NotRequired[Sequence[float | None]]
    null_lo: NotRequired[Sequence[float | None]]  # what chance gives: a grey band
    null_hi: NotRequired[Sequence[float | None]]
    unit: NotRequired[str]  # "%": shares, shown as percent; "" or absent: plain numbers
    span: NotRequired[tuple[float, float]]  # what is drawn; absent: what is in the data, and 0 where all is ≥ 0
    series: NotRequired[int]  # colour of its own, 1 … 6, whatever lanes are beside it; absent: by its place
    predicts: NotRequired[bool]  # its value at the last frozen layer is shown as "Predicted probe accuracy"


class MapPicture(TypedDict):
    """A feature map as a picture."""

    src: str  # a data URI
    text: str  # which channel, and its range; for those who hover, and who cannot see it


class Maps(TypedDict):
    """What the layers make of a picture."""

    layers: Sequence[Sequence[MapPicture]]  # of each layer, strongest first
    head: Sequence[tuple[str, float]]  # classes with their probabilities, the likeliest first


LINES = ("values", "lo", "hi", "null_lo", "null_hi")

_component = st.components.v2.component(
    "tltk_freeze_handle",
    css=css_variables(".freeze") + assets.text("components/freeze_handle/style.css"),
    js=modules.loader(),
)


def freeze_handle(
    layers: Sequence[Layer],
    boundary: int,
    *,
    key: str,
    cost: Cost | None = None,
    disabled: bool = False,
    overlays: Sequence[Overlay] = (),
    compact: bool = False,
    dense: bool = False,
    maps: Maps | None = None,
) -> int | None:
    """Draw the layers with a handle between the frozen and the training ones.

    Args:
        layers: The backbone's layers in order; the head is drawn after them and always trains.
        boundary: Layers 0 … boundary − 1 are frozen; `len(layers)` = feature extraction.
        key: The component's own; the boundary itself is kept by the page under another.
        cost: What each boundary would cost (`tltk.training.cost.estimate_costs`); None: no estimates.
        disabled: Show, but do not move.
        overlays: Quantities over depth, each a lane above the layers. One of them may predict.
        compact: Lower, for pages on which the handle is the axis and not the subject.

        dense: Lowest, for one pane of several.
        maps: What each layer makes of a picture, under its bar; None = no picture is chosen.

    Returns:
        The boundary that the user chose since the last run of the page, else None.

    Raises:
        BadSpec: A network without layers; an overlay, or estimates, that do not fit the layers.
    """
    if not layers:
        raise BadSpec("A freeze handle needs at least one layer. Got none.")
    if maps is not None and len(maps["layers"]) != len(layers):
        raise BadSpec(f"There must be maps of each of the {len(layers)} layers. Got those of {len(maps['layers'])}.")
    moved = _read_move(key, len(layers))
    shown = min(max(boundary, 0), len(layers)) if moved is None else moved
    _component(
        key=key,
        data={
            "layers": {
                "names": [layer.name for layer in layers],
                "parameters": [layer.parameters for layer in layers],
            },
            "module": modules.url("components/freeze_handle/index.js"),
            "boundary": shown,
            "cost": _cost_payload(cost, len(layers)),
            "disabled": disabled,
            "overlays": check_overlays(overlays, len(layers)),
            "compact": compact,
            "dense": dense,
            "maps": maps,
        },
        on_moved_change=lambda: None,
    )
    return moved


def _cost_payload(cost: Cost | None, depth: int) -> dict[str, Any] | None:
    """The estimates as the browser gets them."""
    if cost is None:
        return None
    if len(cost["estimates"]) != depth + 1:
        raise BadSpec(
            f"There must be an estimate for each of the {depth + 1} boundaries. Got {len(cost['estimates'])}."
        )
    return {**cost, "estimates": [asdict(estimate) for estimate in cost["estimates"]]}


def check_overlays(overlays: Sequence[Overlay], depth: int) -> list[dict[str, Any]]:
    """The overlays as the browser gets them: plain numbers, every line as long as the network has layers.

    Raises:
        BadSpec: A line of another length, a number that is none, half a band, two that predict.
    """
    if sum(bool(overlay.get("predicts")) for overlay in overlays) > 1:
        raise BadSpec("At most one overlay can predict. Got several with predicts=True.")
    return [_check_overlay(overlay, depth) for overlay in overlays]


def _check_overlay(overlay: Overlay, depth: int) -> dict[str, Any]:
    given: dict[str, Any] = {**overlay}
    what, unit = f"overlay {given['name']!r}", given.get("unit", "")
    if unit not in ("", "%"):
        raise BadSpec(f"The unit of {what} must be % or empty. Got {unit!r}.")
    lines = {line: _numbers(given[line], f"{line} of {what}") for line in LINES if line in given}
    for low, high in (("lo", "hi"), ("null_lo", "null_hi")):
        if (low in lines) != (high in lines):
            raise BadSpec(f"{low} and {high} of {what} must come together. Got one of them.")
    for line, numbers in lines.items():
        if len(numbers) not in (depth, depth + 1):
            lengths = f"{depth} numbers, one per layer, or {depth + 1} with the head's"
            raise BadSpec(f"{line} of {what} must have {lengths}. Got {len(numbers)}.")
        if len(numbers) != len(lines["values"]):
            raise BadSpec(
                f"{line} of {what} must be as many as its values, {len(lines['values'])}. Got {len(numbers)}."
            )
    span: Any = given.get("span")
    if span is not None:
        span = _numbers(span, f"span of {what}")
    if span is not None and (len(span) != 2 or None in span or span[0] >= span[1]):
        raise BadSpec(f"span of {what} must be two numbers, the lower first. Got {given['span']!r}.")
    series = given.get("series")
    if series is not None and series not in range(1, 7):
        raise BadSpec(f"series of {what} must be a number from 1 to 6. Got {series!r}.")
    return {
        "name": given["name"],
        "unit": unit,
        "span": span,
        "series": series,
        "predicts": bool(given.get("predicts")),
        **lines,
    }


def _numbers(values: Sequence[float | None], what: str) -> list[float | None]:
    """Plain floats, whatever kind of number they came as."""
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value)):
            raise BadSpec(f"{what} must be finite numbers, or None where a layer has none. Got {value!r}.")
    return [None if value is None else float(value) for value in values]


def _read_move(key: str, depth: int) -> int | None:
    """The trigger of this run, read before mounting so that the handle is not set back for one run."""
    value = (st.session_state.get(key) or {}).get("moved")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= depth:
        return None
    return value
