"""Weights: everything on this machine that a network can start from, each with its card; others can be added."""

import dataclasses

import streamlit as st

from tltk import catalogue, command, store
from tltk.dashboard import chrome, plan
from tltk.dashboard.network import wait
from tltk.jobs import Local
from tltk.runs import ACTIVE, Run
from tltk.spec import AdoptSpec


def rows(entries, cached, runs) -> list[dict]:
    """One line each: of the store, of the hub's cache, of finished runs."""
    known = catalogue.catalogue()

    def line(weights: str, backbone: str, size: int, origin: str, licence: str, parameters: int | None = None) -> dict:
        if parameters is None and backbone in known:
            parameters = known[backbone].parameters
        return {"weights": weights, "backbone": backbone, "MB": size / 1e6,
                "parameters": parameters and parameters / 1e6, "from": origin, "licence": licence}  # fmt: skip

    found = []
    for entry in entries:
        card, origin = entry.card, "tltk" if entry.shipped else "you added it"
        found.append(line(f"store:{card.name}", card.backbone, card.bytes, origin, card.licence, card.parameters))
    for one in cached:
        backbone, name = one.weights or (one.hub_id, "")
        tags = {f"hub:{w.tag}": w.licence for w in known[backbone].weights} if backbone in known else {}
        licence = tags.get(name) or "see the hub"
        found.append(line(name or "not timm's", backbone, one.bytes, "the hub's cache", licence))
    for run in runs:
        size, origin = (run.path / store.FILE).stat().st_size, f"a run on {chrome.short(run.spec.target.name)}"
        found.append(line(f"run:{run.id}", run.spec.net.backbone, size, origin, "yours"))
    return found


def shown(entry) -> None:
    """The card of an entry of the store, and what can be done with it."""
    one, two, three = st.columns(3)
    if one.button("Use it on Design", type="primary", width="stretch", icon=":material/tune:"):
        use(entry.card.backbone, f"store:{entry.card.name}")
    if entry.runs and two.button("Open its training", width="stretch", icon=":material/show_chart:"):
        plan.choose_run(store.open_runs(entry)[-1].id)
        chrome.open_page("train")
    checksum = "Its checksum against the card's."
    if three.button("Check the file", width="stretch", icon=":material/verified:", help=checksum):
        if store.intact(entry):
            st.success("The file is the one that the card speaks of.")
        else:
            st.error("The file is not the one that the card speaks of. Do not use it: remove it and add it again.")
    st.markdown(store.as_text(entry, escaped=True).replace("# ", "#### ", 1))
    if entry.fields:
        st.markdown(FIELDS)
        st.image(entry.fields.read_bytes())
    if not entry.shipped and st.button("Remove it from the store", icon=":material/delete:"):
        confirm(entry.card.name)


@st.dialog("Remove these weights for good?")
def confirm(name: str) -> None:
    """Removing is asked for twice."""
    st.write(f"{name}: its file and its card are removed from this machine.")
    if st.button("Remove for good", type="primary"):
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
    st.markdown("**Add a file.** A `.safetensors` file, or a `.pth` or `.pt` file that holds tensors and nothing else.")
    path = st.text_input("Path of the file", placeholder="/home/me/resnet18.safetensors", key="weights:path").strip()
    left, right = st.columns(2)
    backbone = left.text_input(
        "Backbone", placeholder="found from the file", key="weights:backbone", help="timm's name of the architecture."
    ).strip()
    name = right.text_input("Name in the store", placeholder="only check it", key="weights:name").strip()
    does, icon = ("Add it", ":material/add:") if name else ("Check it", ":material/verified:")
    if st.button(does, disabled=not path, icon=icon):
        if name:
            store.check_name(name)
        plan.flag("weights:asked", Local().submit(AdoptSpec(f"file:{path}", backbone, name), again=True).id)
        st.rerun()
    if asked := plan.flag("weights:asked"):
        answer(Run.at(asked))


def answer(run: Run) -> None:
    """What the worker found in the file."""
    if Local().state(run.id) in ACTIVE:
        wait(run.id, "A worker opens the file; nothing in it is run.")
        return
    found = run.result()
    if found is None:
        st.error(run.status.message)
        return
    words = f"{found['backbone']}, {found['parameters'] / 1e6:.1f} million parameters, {found['classifier']}."
    st.success(f"Added as {found['name']}: {words}" if found["name"] else f"It is whole: {words}")
    for note in found["notes"]:
        st.caption(note)
    st.code(command.to_command(run.spec), language="bash", wrap_lines=True)


FIELDS = (
    "**What its first layers look for.** Each square is a unit: the pixels that raise it are bright, those that lower "
    "it are dark. Training makes edges and bars; noise is what an untrained network shows."
)
LEAD = "What a network can start from, without any download. Each has a card that says what it is good and bad for."

with chrome.page("Weights", LEAD):
    entries, cached = store.entries(), store.cached()
    table = rows(entries, cached, chrome.trained_any())
    if table:
        chosen = st.dataframe(
            table, hide_index=True, width="stretch", on_select="rerun", selection_mode="single-row",
            key="weights:table", column_config={
                "MB": st.column_config.NumberColumn("MB", format="%.1f"),
                "parameters": st.column_config.NumberColumn("parameters, millions", format="%.2f"),
            },
        )  # fmt: skip
        at = chosen["selection"]["rows"]
        if at and at[0] < len(entries):
            with st.container(border=True):
                shown(entries[at[0]])
        elif at and table[at[0]]["weights"].partition(":")[0] in ("hub", "run"):
            row = table[at[0]]
            if st.button(f"Use {row['weights']} on Design", type="primary", icon=":material/tune:"):
                use(row["backbone"], row["weights"])
        else:
            st.caption("Tick a line to read its card and to use it.")
    else:
        empty = "**No weights here yet.** Any training makes some; a file can be added below."
        chrome.nothing(empty, "start", "Train some")
    with st.container(border=True):
        adding()
