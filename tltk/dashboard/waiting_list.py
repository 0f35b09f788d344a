"""Runs that wait, as rows that are dragged to another place, with a finger, the mouse or the keyboard.

Mounts `assets/components/waiting_list`. A change comes back once, as a call; the order itself is the queue's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import streamlit as st

from tltk import assets
from tltk.dashboard import modules
from tltk.plots.theme import css_variables


class Row(TypedDict):
    """A run that waits."""

    id: str
    title: str  # text, whatever is in it


_component = st.components.v2.component(
    "tltk_waiting",
    css=css_variables(".waiting") + assets.text("components/waiting_list/style.css"),
    js=modules.loader(),
)


def waiting_list(
    rows: Sequence[Row],
    *,
    key: str,
    label: str,
    on_moved: Callable[[str, str | None], None],
    on_off: Callable[[str], None],
) -> None:
    """Draw the rows.

    Args:
        rows: In their order.
        key: The component's own.
        label: What they are, for those who cannot see them.
        on_moved: Called before the page runs again with the row that was moved, and the one that shall follow it; None
            = it shall be the last.
        on_off: Called likewise with the row that was taken off.
    """
    known = {row["id"] for row in rows}

    def moved() -> None:
        found = _said(key, "moved")
        if isinstance(found, dict) and found.get("run") in known and found.get("before") in {*known, None}:
            on_moved(found["run"], found["before"])

    def off() -> None:
        found = _said(key, "off")
        if isinstance(found, str) and found in known:
            on_off(found)

    data = {"rows": list(rows), "label": label, "module": modules.url("components/waiting_list/index.js")}
    _component(key=key, data=data, on_moved_change=moved, on_off_change=off)


def _said(key: str, what: str) -> object:
    return (st.session_state.get(key) or {}).get(what)
