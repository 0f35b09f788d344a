"""What a study or a training cost, on the screen: pre-training shared by as many uses as the reader chooses."""

from __future__ import annotations

import streamlit as st

from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.studies import ledger as accounts


def show_ledger(run: Run, key: str) -> None:
    """Totals of each arm, when pre-training pays off, and where budgets differ.

    Args:
        run: One that is done.
        key: Of the widgets.
    """
    with st.expander("What it cost"):
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        counted = left.toggle("Count pre-training", value=True, key=f"{key}:count")
        uses = middle.number_input(
            "Uses of the weights that share it", 1, 10**9, 1, key=f"{key}:uses", disabled=not counted
        )
        stated = right.number_input(
            "CO₂ in grams per kWh",
            0.0,
            10_000.0,
            _factor(),
            key=f"{key}:factor",
            placeholder="not stated",
            help="Of the electricity that is used here. Without it no CO₂ is told.",
        )
        try:
            found = accounts.ledger(run, int(uses) if counted else 0, stated)
        except TltkError as fault:
            st.caption(plain(fault))
            return
        head, *rows = accounts.table(found)
        st.caption(f"{accounts.caption(found)}.")
        st.dataframe({name: [row[i] for row in rows] for i, name in enumerate(head)}, hide_index=True, width="stretch")
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in found.sentences))
        if found.flags:
            st.warning("\n".join(f"- {plain(flag)}" for flag in found.flags))


def _factor() -> float | None:
    try:
        return accounts.stated_factor()
    except TltkError:
        return None
