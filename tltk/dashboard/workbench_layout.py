"""The workbench's panes: one screen of 1440 × 900 without scrolling, panes below one another where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from tltk import assets
from tltk.dashboard.words import plain
from tltk.plots.theme import PALETTE

ROLES = ("source", "target", "scratch", "transfer", "frozen", "training", "grid")


def lay_out() -> None:
    """The style sheet of the page, with the palette's roles as variables for both themes."""
    roles = " ".join(f"--role-{n}: light-dark({PALETTE['light'][n]}, {PALETTE['dark'][n]});" for n in ROLES)
    series = " ".join(
        f"--hue-{i}: light-dark({a}, {b});"
        for i, (a, b) in enumerate(zip(PALETTE["light"]["series"], PALETTE["dark"]["series"], strict=True))
    )
    panel = (PALETTE[theme]["page"]["secondaryBackgroundColor"] for theme in ("light", "dark"))
    paper = (PALETTE[theme]["page"]["backgroundColor"] for theme in ("light", "dark"))
    grounds = f"--panel: light-dark({', '.join(panel)}); --paper: light-dark({', '.join(paper)});"
    st.html(f"<style>:root {{ {roles} {series} {grounds} }}\n{assets.text('workbench.css')}</style>")


def head(title: str, side: str = "", role: str = "") -> None:
    """The heading of a pane.

    Args:
        title: Of the pane.
        side: What stands at its right end.
        role: Whose colour is told beside it; "" = no colour.
    """
    dot = f'<i class="wb-dot" style="background: var(--role-{role})"></i>' if role else ""
    st.html(f'<div class="wb-head"><h2>{dot}{escape(title)}</h2><span>{escape(side)}</span></div>')


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """A name and a figure in each row.

    Args:
        rows: Plain texts.
    """
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    st.html(f'<dl class="wb-facts">{cells}</dl>')


def note(text: str) -> None:
    """A quiet line of plain text."""
    st.caption(plain(text))


def ghost(kind: str) -> None:
    """The place of what is not there yet.

    Args:
        kind: tiles, bars or chart.
    """
    cells = {
        "tiles": "<i></i>" * 21,
        "bars": "".join(f'<i style="height: {height}%"></i>' for height in (55, 62, 70, 78, 92, 50)),
    }
    st.html(f'<div class="wb-ghost {kind}" aria-hidden="true">{cells.get(kind, "")}</div>')
