"""Where new runs go, to be seen and chosen: this machine, or a Ray cluster."""

from __future__ import annotations

import streamlit as st

from tltk.dashboard import permitted, room
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.jobs import choice
from tltk.jobs.cluster import shown

PLACES = {"here": "This machine", "cluster": "A Ray cluster"}
MOST = 300  # characters of an address


def show() -> None:
    """The choice; what is said instead where the shell, or somebody else in the room, has it."""
    said, kept = shown(choice.of_shell()), choice.kept()
    goes = shown(choice.address())
    other = f"where {plain(said)} says" if said not in ("", "local") else "this machine"
    with st.expander(f"Where new runs go: {plain(goes) or other}", icon=":material/dns:"):
        if said:
            st.caption(
                f"{choice.CHOICE}, set where the dashboard was started, says so, and wins over a choice made here. "
                "Start the dashboard without it to choose on this page."
            )
        elif room.now() is not None and not permitted.is_teacher():
            st.caption("The teacher of this room chooses where new runs go.")
        else:
            _choose(kept)


def _choose(kept: str) -> None:
    """A form, so that nothing is asked of a cluster before the address is whole."""
    with st.form("runs:executor", border=False):
        where = st.radio(
            "New runs go to",
            list(PLACES),
            index=int(bool(kept)),
            format_func=PLACES.__getitem__,
            horizontal=True,
            key=f"runs:place:{kept}",
            help="A Ray cluster is several machines that share out work. Every one of them must see the folder in "
            "which runs lie, at the same path. Runs that wait or train already stay where they are.",
        )
        address = st.text_input(
            "Address of the cluster",
            kept,
            max_chars=MOST,
            placeholder="ray://HOST:8265",
            key=f"runs:address:{kept}",
            help="Of Ray's dashboard. `?gpus=0.25&memory_gb=6` after it says what each run asks for. The cluster's "
            "token is read where Ray reads it, on the machine of this dashboard, and sent to this address.",
        )
        if not st.form_submit_button("Send new runs there", icon=":material/send:"):
            return
    try:
        if where == "cluster" and not address.strip():
            st.error("A Ray cluster must be named by its address, such as ray://HOST:8265. Type it above.")
            return
        with st.spinner("Asking whether it is there …"):
            permitted.choose_executor(address.strip() if where == "cluster" else "")
    except TltkError as fault:
        st.error(plain(fault))
        return
    st.toast(plain(f"New runs go to {choice.kept() or 'this machine'}."))
    st.rerun()
