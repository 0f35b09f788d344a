"""What a page asks, written out: as commands of the shell and as Python, so that it can be asked without the page."""

from __future__ import annotations

import streamlit as st

from tltk.specs import command
from tltk.specs.knobs import Spec

TITLE = "This page in Python and as a command"


def show_asked(*specs: Spec, title: str = TITLE) -> None:
    """The questions or trainings of a page as commands and as Python; nothing where there is none.

    Args:
        *specs: What the page asks as it stands.
        title: Of the line that opens it.
    """
    if not specs:
        return
    with st.expander(title, icon=":material/code:"):
        st.caption("Both ask for the very same and are answered from what is known, where it is.")
        st.code("\n".join(map(command.to_command, specs)), language="bash", wrap_lines=True)
        st.code(command.to_python(*specs), language="python", wrap_lines=True)
