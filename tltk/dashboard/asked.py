"""What a page asks, written out: as commands and as Python; and the formulas of what it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from tltk.adapters import adapters
from tltk.dashboard.words import explained, plain
from tltk.registry import Registry
from tltk.specs import command
from tltk.specs.knobs import Spec
from tltk.specs.parts import AdapterSpec, StrategySpec
from tltk.strategies import strategies
from tltk.terms import terms

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


def show_formulas(title: str, *of: tuple[Registry[Any], Sequence[str]]) -> None:
    """What each of these is: its sentence, its formula and its source, from its own docstring.

    Args:
        title: Of the line that opens them.
        *of: Measures, scores, terms or others, a file each, and which of them.
    """
    known = [(entries, name) for entries, names in of for name in names if name in entries]
    if not known:
        return
    with st.expander(title, icon=":material/function:"):
        for entries, name in known:
            st.markdown(f"*{plain(name.replace('_', ' '))}*: {explained(entries.docstring(name))}")


def show_technique(spec: Spec) -> None:
    """The formulas of how a training or a comparison transfers: its strategy, its adapter and its terms."""
    found = [getattr(spec, part, None) for part in ("strategy", "adapter")]
    how, what = ([one.name] if isinstance(one, StrategySpec | AdapterSpec) else [] for one in found)
    also = [one.name for one in getattr(spec, "terms", ())]
    show_formulas(
        "How it transfers: the formulas and whose they are", (strategies, how), (adapters, what), (terms, also)
    )
