"""One domain of two on the screen: its name, a strip of its pictures and, in the shift lab, its dials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from tltk import data
from tltk.dashboard import controls, depth, plan
from tltk.dashboard.network import in_words, looked
from tltk.data.shapes import Dials
from tltk.errors import TltkError
from tltk.runs import Run
from tltk.spec import DataSpec, LookSpec, knobs, located

STRIP = 12  # pictures of a domain that are shown
NONE = "none"


def side(title: str, path: plan.PATH) -> None:
    """Choose the domain at this place of the plan; see it; turn its dials."""
    spec: DataSpec | None = plan.read(path)
    names = [n for n in data.domains.names() if n not in ("folder", "archive", "npz")]
    now = spec.name if spec is not None else NONE
    kind = now.partition(":")[0].partition("~")[0]
    shown = [*([NONE] if path == ("source",) else []), *names]
    if kind not in shown:
        shown.append(kind)  # a folder of the user's, chosen on Design
    chosen = st.selectbox(
        title, shown, shown.index(kind), format_func=lambda n: n.replace("_", " "), key=f"dials:{title}:{now}"
    )
    if chosen != kind:
        plan.change(path, None if chosen == NONE else _named(spec or plan.read(("target",)), chosen))
        st.rerun()
    if spec is None:
        return
    if kind == "shapes":
        _dials(title, path, spec)
    found = looked(spec)
    if found is None:
        return
    sheet = depth.sheet_of(Run.at(located(LookSpec(spec)).run_id))
    if sheet is not None:
        st.image([depth.tile(sheet, i) for i in range(min(STRIP, found["shown"]))], width=64)
    st.caption(in_words(found))


def _named(spec: DataSpec, name: str) -> DataSpec:
    return dataclasses.replace(spec, name=name, n=2000 if name == "shapes" else 0, shots=0)


def _dials(title: str, path: plan.PATH, spec: DataSpec) -> None:
    """A widget for every dial of the shift lab; the domain's name is what they say."""
    text, tilde, corruption = spec.name.partition("~")
    try:
        dials = Dials.parse(text.partition(":")[2])
    except TltkError as fault:
        st.warning(str(fault))
        dials = Dials()
    with st.expander(f"Dials of the {title.lower()}", expanded=True):
        columns = st.columns(3)
        for i, (name, rule) in enumerate(knobs(Dials).items()):
            with columns[i % 3]:
                show, write = _ways(path, dials, name, tilde + corruption)
                controls.widget(name, rule, plan.bind(path, show, write, f"dial {name}"))


def _ways(path: plan.PATH, dials: Dials, name: str, rest: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """From the plan's domain to this dial's value, and back into the domain's name."""

    def show(_: Any) -> Any:
        return getattr(dials, name)

    def write(value: Any) -> DataSpec:
        turned = dataclasses.replace(dials, **{name: value}).text()
        spec: DataSpec = plan.read(path)
        return dataclasses.replace(spec, name=("shapes:" + turned if turned else "shapes") + rest)

    return show, write
