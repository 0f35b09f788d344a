"""The freeze handle: a network drawn as its layers, and the boundary that is dragged over them.

Mounts `assets/freeze_handle.js`. The boundary comes back once, when it was moved; the page keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import streamlit as st

from tltk.dashboard.plot import asset
from tltk.errors import BadSpec
from tltk.results import Layer


class Cost(TypedDict):
    """What the estimates under the handle are made of."""

    n_train: int  # pictures in the training split, and so in the bank
    epochs: int
    batch_size: int
    steps: int  # of the whole run
    seconds_per_gflop: float | None  # None: not measured on this machine
    head_parameters: int
    cached: bool  # whether the features of the frozen layers are kept
    epoch_images: NotRequired[int]  # pictures seen in an epoch; 0 or absent = each once


_component = st.components.v2.component(
    "tltk_freeze_handle", css=asset("freeze_handle.css"), js=asset("freeze_handle.js")
)


def freeze_handle(
    layers: Sequence[Layer], boundary: int, *, key: str, cost: Cost, disabled: bool = False
) -> int | None:
    """Draw the layers with a handle between the frozen and the training ones.

    Args:
        layers: The backbone's layers in order; the head is drawn after them and always trains.
        boundary: Layers 0 … boundary − 1 are frozen; `len(layers)` = feature extraction.
        key: The component's own; the boundary itself is kept by the page under another.
        cost: Figures for the estimates, which follow the handle in the browser.
        disabled: Show, but do not move.

    Returns:
        The boundary that the user chose since the last run of the page, else None.

    Raises:
        BadSpec: A network without layers.
    """
    if not layers:
        raise BadSpec("A freeze handle needs at least one layer. Got none.")
    moved = _moved(key, len(layers))
    shown = min(max(boundary, 0), len(layers)) if moved is None else moved
    _component(
        key=key,
        data={
            "layers": {
                "names": [layer.name for layer in layers],
                "parameters": [layer.parameters for layer in layers],
                "flops": [layer.flops for layer in layers],
                "crossing": [layer.crossing for layer in layers],
            },
            "boundary": shown,
            "cost": cost,
            "disabled": disabled,
        },
        on_moved_change=lambda: None,
    )
    return moved


def _moved(key: str, depth: int) -> int | None:
    """The trigger of this run, read before mounting so that the handle is not set back for one run."""
    value = (st.session_state.get(key) or {}).get("moved")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= depth:
        return None
    return value
