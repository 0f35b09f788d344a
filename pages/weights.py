"""Weights: everything on this machine that a network can start from, each with its card; others can be added."""

import dataclasses
from typing import Any

import streamlit as st

from tltk.analyses.import_weights.result import ImportWeightsResult
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.dashboard import chrome, permitted, plan
from tltk.dashboard.asked import show_asked
from tltk.dashboard.network import of_another_version, wait
from tltk.dashboard.words import plain
from tltk.errors import RunProblem
from tltk.jobs import executor
from tltk.runs.index import RunEntry
from tltk.runs.run import ACTIVE, Run
from tltk.weights import catalogue, store, weightfile


def row(one: store.LocalSource) -> dict[str, Any]:
    """Its line in the table."""
    known = catalogue.catalogue().get(one.backbone)
    parameters = known.parameters if known else None
    if isinstance(one.of, store.Entry):
        card = one.of.card
        origin, licence, parameters = "tltk" if one.of.shipped else "you added it", card.licence, card.parameters
    elif isinstance(one.of, RunEntry):
        origin, licence = f"a run on {chrome.short(one.of.target)}", "yours"
    else:
        tags = {f"hub:{w.tag}": w.licence for w in known.weights} if known else {}
        origin, licence = "the hub's cache", tags.get(one.weights) or "see the hub"
    return {
        "weights": one.weights or "not timm's",
        "backbone": one.backbone,
        "MB": one.bytes / 1e6,
        "parameters": parameters and parameters / 1e6,
        "from": origin,
        "licence": licence,
    }


def show_entry(entry: store.Entry) -> None:
    """The card of an entry of the store, and what can be done with it."""
    one, two, three = st.columns(3)
    if one.button("Use it on Design", type="primary", width="stretch", icon=":material/tune:"):
        use(entry.card.backbone, f"store:{entry.card.name}")
    if entry.runs and two.button("Open its training", width="stretch", icon=":material/show_chart:"):
        plan.choose_run(store.open_runs(entry)[-1].id)
        chrome.open_page("train")
    checksum = "Compares its checksum with the card's."
    if three.button("Check the file", width="stretch", icon=":material/verified:", help=checksum):
        if store.is_intact(entry):
            st.success("The file matches its card.")
        else:
            st.error("The file does not match its card. Do not use it; remove it and add it again.")
    st.markdown(store.as_text(entry, escaped=True).replace("# ", "#### ", 1))
    if entry.fields:
        st.markdown(FIELDS)
        st.image(entry.fields.read_bytes())
    if not entry.shipped and st.button("Remove it from the store", icon=":material/delete:"):
        confirm(entry.card.name)


@st.dialog("Remove these weights for good?")
def confirm(name: str) -> None:
    """Removing is asked for twice."""
    st.write(f"{plain(name)}: its file and its card are removed from this machine.")
    if st.button("Remove for good", type="primary"):
        permitted.check_teacher("Weights are removed")
        store.remove(name)
        st.rerun()


def use(backbone: str, weights: str) -> None:
    """Put backbone and weights into the plan, and go there."""
    now = plan.plan()
    net = dataclasses.replace(now.net, backbone=backbone, weights=weights)
    plan.put(dataclasses.replace(now, source=None, net=net))
    chrome.open_page("design")


def adding() -> None:
    """A file by its path: looked at, or taken into the store."""
    st.markdown(ACCEPTED)
    path = st.text_input(
        "Path of the file or folder", placeholder="/home/me/resnet18.safetensors", key="weights:path"
    ).strip()
    left, right = st.columns(2)
    backbone = left.text_input(
        "Backbone", placeholder="found from the file", key="weights:backbone", help="timm's name of the architecture."
    ).strip()
    name = right.text_input("Name in the store", placeholder="only check it", key="weights:name").strip()
    does, icon = ("Add it", ":material/add:") if name else ("Check it", ":material/verified:")
    if st.button(does, disabled=not path, icon=icon):
        if name:
            store.check_name(name)
        plan.flag("weights:asked", permitted.submit(ImportWeightsSpec(f"file:{path}", backbone, name), again=True).id)
        st.rerun()
    if asked := plan.flag("weights:asked"):
        answer(Run.at(asked))


def theirs(one: store.LocalSource) -> None:
    """Weights in the hub's cache that timm has no name for: whether they are of one of its architectures."""
    folder = one.file.parent
    st.caption(f"{plain(one.backbone)} is not among timm's own weights. Its architecture may still be one of timm's.")
    if st.button("Check what it is", type="primary", icon=":material/verified:"):
        plan.flag("weights:asked", permitted.submit(ImportWeightsSpec(f"file:{folder}", "", ""), again=True).id)
        st.rerun()
    st.caption("To use it, add it below by this path:")
    st.code(str(folder), language=None)


def answer(run: Run) -> None:
    """What the worker found in the file."""
    if executor().state(run.id) in ACTIVE:
        wait(run.id, "Opening the file; nothing in it is run.")
        return
    try:
        found = run.read(ImportWeightsResult)
    except RunProblem as fault:
        of_another_version(run.spec, fault, f"weights:{run.id}")
        return
    if found is None:
        st.error(plain(run.status.message))
        return
    words = f"{found.backbone}, {found.parameters / 1e6:.1f} million parameters, {found.classifier}."
    words = plain(words)
    st.success(f"Added as {plain(found.name)}: {words}" if found.name else f"The file is complete: {words}")
    for note in found.notes:
        st.caption(plain(note))
    show_asked(run.spec)


PICKLED = ", ".join(f"`{suffix}`" for suffix in weightfile.SUFFIXES if suffix != ".safetensors")
ACCEPTED = (
    f"**Add weights.** A `.safetensors` file, a PyTorch file of tensors ({PICKLED}), the index of a file that comes in "
    f"pieces (`{weightfile.IN_FOLDER[1]}`), or a whole folder, as the Hugging Face hub keeps it. The architecture is "
    f"recognised by its tensors; nothing in a file is run."
)
FIELDS = (
    "**What its first layers look for.** Each square is a unit: pixels that excite it are bright, pixels that inhibit "
    "it are dark. Training produces edges and bars; an untrained network shows noise."
)
LEAD = "Weights to start from without a download. Each has a card that says what they are good for and what not."

with chrome.page("Weights", LEAD):
    found = store.local_sources(most=chrome.MENU)
    if found:
        ticked = st.dataframe(
            [row(one) for one in found],
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="single-row",
            key="weights:table",
            column_config={
                "MB": st.column_config.NumberColumn("MB", format="%.1f"),
                "parameters": st.column_config.NumberColumn("parameters, millions", format="%.2f"),
            },
        )["selection"]["rows"]
        if sum(isinstance(one.of, RunEntry) for one in found) >= chrome.MENU:
            st.caption(f"Of your trainings the newest {chrome.MENU} are listed. Older ones are on Runs.")
        chosen = found[ticked[0]] if ticked and ticked[0] < len(found) else None
        if chosen and isinstance(chosen.of, store.Entry):
            with st.container(border=True):
                show_entry(chosen.of)
        elif chosen and not chosen.weights:
            theirs(chosen)
        elif chosen:
            if st.button(f"Use {plain(chosen.weights)} on Design", type="primary", icon=":material/tune:"):
                use(chosen.backbone, chosen.weights)
        else:
            st.caption("Tick a row to read its card and to use it.")
    else:
        empty = "**No weights here yet.** Every training produces some, and you can add a file below."
        chrome.empty_state(empty, "workbench", "Train some")
    with st.container(border=True):
        adding()
