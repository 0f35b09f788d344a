"""Deleting runs on the screen, and putting them back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from tltk.dashboard import permitted, plan, room
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.runs import trash
from tltk.runs.run import Run

GONE = "runs:deleted"  # the runs that were deleted last in this session
TIMES = "runs:changes"


def take_away(runs: Sequence[Run]) -> None:
    """Delete runs, with the trainings that they alone have started; they can be put back for a while."""
    gone: list[str] = []
    for run in runs:
        try:
            gone += permitted.delete(run.id)
        except TltkError as fault:
            st.error(plain(fault))
    if gone:
        _done(gone)
        st.rerun()


def _done(gone: list[str]) -> None:
    """The table has other rows now, so none of them is ticked."""
    plan.flag(GONE, gone)
    plan.flag(TIMES, times() + 1)


def times() -> int:
    """How often something was deleted or put back in this session."""
    return int(plan.flag(TIMES) or 0)


def undo() -> None:
    """What has just been deleted can be put back at once; what was deleted lately, for some days."""
    gone = [run_id for run_id in plan.flag(GONE) or [] if run_id in {one.id for one in trash.entries()}]
    if gone:
        left, right = st.columns([5, 1], vertical_alignment="center")
        names = f"{', '.join(gone[:5])}{' …' * (len(gone) > 5)}"
        left.info(f"Deleted {len(gone)} run{'s' * (len(gone) != 1)}: {names}. Trainings of a study go with it.")
        right.button("Undo", icon=":material/undo:", width="stretch", on_click=put_back, args=(tuple(gone),))


def put_back(ids: Sequence[str]) -> None:
    """A callback: the runs are there again before the page is drawn."""
    for run_id in ids:
        try:
            trash.put_back(run_id)
        except TltkError as fault:
            st.error(plain(fault))
    _done([])


def show() -> None:
    """Runs that were deleted lately, whoever did so; in a room they are the teacher's to put back."""
    known = trash.entries()
    if not known or (room.now() is not None and not permitted.is_teacher()):
        return
    with st.expander(f"Deleted lately: {len(known)}", icon=":material/delete:"):
        st.caption(f"They are kept for {trash.DAYS} days, and take room on the disk until then.")
        names = {one.id: f"{one.id} · {time.strftime('%d %B, %H:%M', time.localtime(one.at))}" for one in known}
        chosen = st.multiselect("Runs", list(names), format_func=names.__getitem__, key="runs:trash")
        left, right = st.columns(2)
        left.button(
            "Put back", icon=":material/undo:", disabled=not chosen, on_click=put_back, args=(tuple(chosen),),
            width="stretch",
        )  # fmt: skip
        if right.button("Delete all of them for good", icon=":material/delete_forever:", width="stretch"):
            trash.empty()
            st.rerun()
