"""Domains: what is in the source and in the target, side by side, before anything is trained."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import chrome, class_choice, dials, domain_pictures, domain_view, own_view, plan, unknown_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.words import plain
from tltk.specs.parts import DataSpec

LEAD = "Source and target side by side: pictures, classes, size, licence. Choose them here; every page uses them."
PLACES = {"Source": ("source",), "Target": ("target",)}


def choice(title: str, path: plan.PATH) -> InspectResult | None:
    """One side: its domain, how it is read, and what a worker found in it."""
    domain_view.choose(title, path, optional=title == "Source")
    if plan.read(path) is not None:
        domain_view.settings(path)
        dials.turn(title, path, expanded=False)
    return domain_view.inspect_domain(path)


def pictures(known: Mapping[str, tuple[DataSpec, InspectResult]]) -> None:
    """Both grids; classes that both have are turned over together, so that rows stay side by side."""
    nouns = {found.noun for _, found in known.values()}
    what = nouns.pop() if len(nouns) == 1 else "examples"
    st.subheader(f"{what.capitalize()} by class", anchor=False)
    classes = {title: found.classes for title, (_, found) in known.items()}
    beside, _ = st.columns([1, 3])
    with beside:
        only = class_choice.menu(list(dict.fromkeys(name for names in classes.values() for name in names)), "domains")
    if only:
        at = {title: names.index(only) for title, names in classes.items() if only in names}
        shown = {title: range(at[title], at[title] + 1) if title in at else range(0) for title in classes}
    elif len(classes) == 2 and classes["Source"] == classes["Target"]:
        shown = dict.fromkeys(classes, domain_pictures.classes_shown(classes["Source"], "Classes shown"))
    else:
        shown = {}
        for title, column in places():
            with column:
                if title in classes:
                    shown[title] = domain_pictures.classes_shown(classes[title], f"Classes of the {title.lower()}")
    for title, column in places():
        with column:
            if title in known and only and not shown[title]:
                st.caption(f"The {title.lower()} has no class {plain(only)}.")
            elif title in known:
                domain_pictures.grid(title, *known[title], shown[title])
                domain_pictures.listen(title, *known[title])


def places() -> Iterable[tuple[str, Any]]:
    """A column for each side that the plan has, whether its pictures are known yet or not."""
    return zip([title for title, path in PLACES.items() if plan.read(path) is not None], st.columns(2), strict=False)


with chrome.page("Domains", LEAD):
    plan.chosen_run()
    own_view.show()
    known: dict[str, tuple[DataSpec, InspectResult]] = {}
    for (title, path), column in zip(PLACES.items(), st.columns(2), strict=True):
        with column, st.container(border=True, height="stretch"):
            found = choice(title, path)
            if found is not None:
                known[title] = (plan.read(path), found)
    domain_view.onward(plan.plan().source is not None)
    if known:
        seen = {title: found for title, (_, found) in known.items()}
        texts = domain_view.remarks(seen)
        if texts:
            st.warning(domain_view.bullets(texts))
        domain_view.facts(known)
        if "Target" in known and domain_view.parts(known["Target"][0].name)[0] in domain_view.OWN:
            own_view.propose(known["Target"][0])
        domain_view.reading(seen, places)
        pictures(known)
        st.subheader("Balance of the classes", anchor=False)
        domain_view.balances(seen)
    words = unknown_view.show(known, places)
    show_asked(*(InspectSpec(side) for path in PLACES.values() if (side := plan.read(path)) is not None), *words)
