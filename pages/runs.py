"""Runs: every run as a folder that can be found, named, opened, compared, copied, exported and deleted."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from tltk.dashboard import chrome, permitted, plan, room
from tltk.dashboard.plot import plot
from tltk.dashboard.training_view import read_result
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.jobs import listing
from tltk.plots.curves import UNITS, lines
from tltk.runs import index, label
from tltk.runs.run import ACTIVE, STATES, Run
from tltk.specs import command
from tltk.specs.training import TransferSpec
from tltk.studies.budget import budget_flags
from tltk.studies.compare.spec import CompareSpec
from tltk.weights.handover import import_zip, pack_bytes, weigh

QUANTITIES = {"accuracy": "Accuracy", "loss": "Loss", "macro_f1": "Macro F1"}
KINDS = {TransferSpec.kind: "training", CompareSpec.kind: "comparison"}  # other studies are called as in the shell
MOST_BYTES = 2**30  # of weights in a download, which the server holds in memory
MOST = 1000  # rows of the table; more take long to send, and are searched for rather than looked through


def table(entries: Sequence[index.RunEntry]) -> dict[str, list[Any]]:
    """The runs by column."""
    return {
        "run": [e.id for e in entries],
        "name": [e.name for e in entries],
        "kind": [KINDS.get(e.kind, e.kind.replace("_", " ")) for e in entries],
        "state": [f"{chrome.SIGNS.get(e.state, '')} {e.state}" for e in entries],
        "result": [result(e) for e in entries],
        "target": [chrome.short(e.target) for e in entries],
        "labels per class": [str(e.shots or "all") for e in entries],
        "network": [e.backbone for e in entries],
        "strategy": [e.strategy.replace("_", " ") for e in entries],
        "boundary": ["" if e.boundary is None else str(e.boundary) for e in entries],
        "learning rate": ["searched" if e.lr is None else f"{e.lr:g}" for e in entries],
        "seed": [e.seed for e in entries],
        "seconds": [round(e.seconds, 1) for e in entries],
        "tags": [e.tags for e in entries],
    }


def result(entry: index.RunEntry) -> str:
    """What it found, in a word or a number."""
    if entry.kind not in KINDS:
        return ""  # more than a number; its page tells it
    figure = entry.gap if entry.kind == CompareSpec.kind else entry.accuracy
    if figure is None and not entry.verdict:
        return "of another version" if entry.state == "done" else ""
    return entry.verdict or f"{100 * (figure or 0.0):.1f} %"


def filters() -> dict[str, Any]:
    """What is searched for, as fields of a query."""
    words, states, tags = st.columns([2, 1, 1])
    known = index.tags()
    text = words.text_input(
        "Search", placeholder="digits resnet  ·  a name, a note, a tag, an id", key="runs:search", max_chars=200
    )
    chosen = states.multiselect("State", STATES, key="runs:states", placeholder="any")
    held = [tag for tag in st.session_state.get("runs:tags", []) if tag in known]
    st.session_state["runs:tags"] = held  # a tag that nobody bears any more cannot be chosen
    tagged = tags.multiselect("Tags", known, key="runs:tags", placeholder="any", disabled=not known)
    return {"text": text, "states": chosen, "tags": tagged}


def actions(entry: index.RunEntry) -> None:
    """What can be done with one run."""
    run, is_active = entry.run, entry.state in ACTIVE
    can_be_used = entry.kind == TransferSpec.kind and entry.state == "done" and entry.model >= 0
    one, two, three, four, *more = st.columns(4 + can_be_used)
    if one.button("Open", width="stretch", icon=":material/open_in_new:"):
        plan.choose_run(run.id)
        chrome.open_page(chrome.page_of(entry.kind))
    can_pack, why = packable(entry)
    two.download_button(
        "Export as zip",
        lambda: pack_bytes(run),
        f"tltk-{run.id}.zip",
        "application/zip",
        width="stretch",
        on_click="ignore",
        icon=":material/download:",
        disabled=not can_pack,
        help=why,
    )
    if is_active:
        if three.button("Stop training", width="stretch"):
            permitted.cancel(run.id)
            st.rerun()
    elif three.button("Train again", width="stretch", help="What it found is kept as an earlier attempt."):
        permitted.submit(run.spec, again=True)
        st.rerun()
    if four.button("Delete", width="stretch", icon=":material/delete:", disabled=is_active):
        permitted.check_owner(run.id)
        confirm(run.id)
    if more and more[0].button(
        "Use", width="stretch", icon=":material/play_circle:", help="Predict, evaluate, hand over."
    ):
        plan.choose_run(run.id)
        chrome.open_page("use")
    labels(run)
    attempts(run)
    st.code(command.to_command(run.spec), language="bash", wrap_lines=True)
    st.code(command.to_python(run.spec), language="python")


def packable(entry: index.RunEntry) -> tuple[bool, str]:
    """Whether a run can be taken along from here, and what that gives, or why not."""
    if entry.state != "done":
        return False, "Only a run that is done can be taken to another machine."
    if weigh(entry.run) > MOST_BYTES:
        return False, f"Its weights are too large for a download: `tltk export {entry.id} --to zip FILE` writes them."
    return True, "The run with its weights and those that it started, for `tltk import` on another machine."


def labels(run: Run) -> None:
    """Its name, tags and note, to be read and written."""
    now = run.label
    for line in now.note.splitlines():
        st.markdown(plain(line))
    with st.expander("Name, tags and note", icon=":material/label:"):
        left, right = st.columns(2)
        name = left.text_input("Name", now.name, max_chars=label.MOST_NAME, key=f"runs:name:{run.id}:{now.name}")
        held = " ".join(now.tags)
        tags = right.text_input("Tags", held, key=f"runs:tags:{run.id}:{held}", help="Words with blanks between them.")
        note = st.text_area("Note", now.note, max_chars=label.MOST_NOTE, key=f"runs:note:{run.id}:{now.note}")
        if st.button("Save", icon=":material/save:", key=f"runs:save:{run.id}"):
            permitted.check_owner(run.id)
            run.write_label(name=name, note=note, tags=tags.replace(",", " ").split())
            st.rerun()


def attempts(run: Run) -> None:
    """What was found before it was run again; one can be opened."""
    numbers = run.attempts()
    if not numbers:
        return
    with st.expander(f"{len(numbers)} earlier attempt{'s' * (len(numbers) > 1)}", icon=":material/history:"):
        number = st.selectbox("Attempt", numbers[::-1], key=f"runs:attempt:{run.id}", format_func=lambda n: f"{n}")
        folder = run.attempt(number)
        status, found = folder.status, folder.result() or {}
        verdict = found.get("verdict")
        figure = index.accuracy(found)
        shown = verdict.get("label", "–") if isinstance(verdict, dict) else "–" if figure is None else f"{figure:.1%}"
        for column, (title, value) in zip(
            st.columns(3),
            {"State": status.state, "Result": plain(shown), "Seconds": f"{status.seconds:.1f}"}.items(),
            strict=True,
        ):
            column.metric(title, value)
        if status.message:
            st.caption(plain(status.message))
        for name, title in QUANTITIES.items():
            curve = folder.curve(name)
            if curve.x:
                of = f"Validation {title.lower()}"
                figure = lines({f"attempt {number}": curve, "now": run.curve(name)}, of, "step")
                plot(figure, key=f"runs:attempt:{run.id}:{number}:{name}", height=280, alt=f"{of} of both attempts.")
                break
        st.caption("Its folder:")
        st.code(str(folder.path), language=None)


@st.dialog("Delete this run for good?")
def confirm(run_id: str) -> None:
    """Deleting is asked for twice."""
    st.write(f"Run {run_id}: its curves, result, weights and earlier attempts are removed from this machine.")
    if st.button("Delete for good", type="primary"):
        permitted.delete(run_id)
        st.rerun()


def differences(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Fields in which the specs of these runs differ."""

    def flat(body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in body.items():
            found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        return found

    specs = {r.id[:6]: flat(json.loads(r.spec.to_json())) for r in runs}
    names = sorted({n for s in specs.values() for n in s})
    found = [{"field": n, **{i: str(s.get(n, "–")) for i, s in specs.items()}} for n in names]
    return [f for f in found if len(set(list(f.values())[1:])) > 1]


def overlay(entries: Sequence[index.RunEntry]) -> None:
    """Several runs over one another, and what was asked of them differently."""
    left, right = st.columns(2)
    name = left.segmented_control("Quantity", list(QUANTITIES), format_func=QUANTITIES.__getitem__, default="accuracy")
    x = right.segmented_control("Over", list(UNITS), format_func=UNITS.__getitem__, default="step")
    name, x = name or "accuracy", x or "step"
    trainings = [e for e in entries if e.kind == TransferSpec.kind]
    if trainings:
        curves = {chrome.title_of(e): e.run.curve(name, x=x) for e in trainings}
        figure = lines(curves, f"Validation {QUANTITIES[name].lower()}", x)
        plot(figure, key="runs:overlay", height=380, alt=f"Validation {QUANTITIES[name].lower()} of the chosen runs.")
        results = {e.id[:6]: found for e in trainings if (found := read_result(e.run)) is not None}
        for flag in budget_flags({name: [found] for name, found in results.items()}):
            st.caption(f":orange[{plain(flag)}]")
    st.dataframe(differences([e.run for e in entries]), hide_index=True, width="stretch")


def take_in() -> None:
    """A run of another machine, from the zip that was exported there; what is here stays as it is."""
    with st.expander("Take in a run from another machine"):
        file = st.file_uploader(
            "A zip that this page, or `tltk export RUN --to zip`, wrote on another machine", type="zip", key="runs:zip"
        )
        if file is None or not st.button("Import", icon=":material/input:", key="runs:import"):
            return
        permitted.check_teacher("Runs are taken in")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.zip"
            path.write_bytes(file.getbuffer())
            try:
                found = import_zip(path)
            except TltkError as fault:
                st.error(plain(str(fault).replace(str(path), file.name).replace(path.name, file.name)))
                return
        if found.imported:
            st.success(f"Imported: {', '.join(found.imported)}.")
            plan.choose_run(found.id)
        else:
            st.info(f"Run {found.id} is here already and stays as it is.")


LEAD = "Every run is a folder: specification, measurements, result. Tick one to open it, several to compare them."

with chrome.page("Runs", LEAD):
    if not index.find(trains=True, limit=1):
        chrome.empty_state("**No runs yet.** Runs are kept until you delete them.", "workbench", "See transfer happen")
    else:
        query = filters()
        everything = st.toggle("Show the trainings inside studies", value=False)
        found = chrome.own(listing.runs(trains=True, within=everything, limit=0 if room.now() else MOST + 1, **query))
        shown = found[:MOST]
        if not shown:
            st.markdown("No run is as asked for. Try fewer words, or another state or tag.")
        elif len(found) > MOST:
            st.caption(f"The newest {MOST:,} of them are shown. Search to find older ones.")
        # The rows that are ticked belong to the runs that were searched for.
        chosen = st.dataframe(
            table(shown),
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="multi-row",
            key=f"runs:table:{everything}:{json.dumps(query)}" if any(query.values()) or everything else "runs:table",
        )
        picked = [shown[i] for i in chosen["selection"]["rows"] if i < len(shown)]
        if len(picked) == 1:
            actions(picked[0])
        elif picked:
            overlay(picked)
    take_in()
