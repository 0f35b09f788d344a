"""The class that the user looks at: chosen in one view, it is chosen in all that know it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tltk.dashboard import plan

EVERY = ""
_CHOSEN = "chosen:class"


def chosen(classes: Sequence[str]) -> str:
    """The class that is chosen, where it is one of these; "" = all are looked at.

    Args:
        classes: Names that the view knows.
    """
    found: str = plan.flag(_CHOSEN) or EVERY
    return found if found in classes else EVERY


def choose(name: str) -> None:
    """Look at this class from now on; "" = at all.

    Args:
        name: Of a class.
    """
    plan.flag(_CHOSEN, name)


def menu(classes: Sequence[str], key: str) -> str:
    """A menu of these classes that shows and sets the choice.

    Args:
        classes: Names that the view knows.
        key: Of the widget, unlike that of any other view.

    Returns:
        The class, or "" for all.
    """
    now = chosen(classes)

    def take() -> None:
        choose(str(plan.flag(widget)))

    widget = f"class:{key}:{now}"  # a choice elsewhere makes it anew
    st.selectbox(
        "Class",
        [EVERY, *classes],
        [EVERY, *classes].index(now),
        format_func=lambda name: name or "all classes",
        key=widget,
        on_change=take,
        help="The class that is chosen here is chosen in every view that knows it.",
    )
    return now
