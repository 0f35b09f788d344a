"""Runs: every run as a folder that can be found, named, opened, compared, copied, exported and deleted."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from tltk.analyses.export.spec import ABOUT
from tltk.dashboard import chrome, executor_view, hand_over_view, permitted, plan, room, study_view, trash_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.plot import plot
from tltk.dashboard.training_view import read_result
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.jobs import listing
from tltk.plots.curves import UNITS, lines
from tltk.results.curves import Curve
from tltk.runs import index, label
from tltk.runs.run import ACTIVE, STATES, Run
from tltk.specs.reading import spec_kinds
from tltk.specs.training import TransferSpec
from tltk.studies.budget import budget_flags
from tltk.studies.compare.spec import CompareSpec
from tltk.verdicts.judge import mean_curve
from tltk.weights.handover import import_zip, pack_bytes, weigh

QUANTITIES = {"accuracy": "Accuracy", "loss": "Loss", "macro_f1": "Macro F1"}
KINDS = {TransferSpec.kind: "training", CompareSpec.kind: "comparison"}  # other studies are called as in the shell
MOST_BYTES = 2**30  # of weights in a download, which the server holds in memory
MOST_LINES = 24  # of one chart, which nobody tells apart beyond
MOST = 1000  # rows of the table; more take long to send, and are searched for rather than looked through


def table(entries: Sequence[index.RunEntry]) -> dict[str, list[Any]]:
    """The runs by column."""
    return {
        "run": [e.id for e in entries],
        "name": [e.name for e in entries],
        "kind": [in_words(e.kind) for e in entries],
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
    return entry.verdict or f"{100 * (figure or 0.0):.1f}%"


def filters() -> dict[str, Any]:
    """What is searched for, as fields of a query."""
    words, kinds, states, tags = st.columns([3, 2, 2, 2])
    known = index.tags()
    text = words.text_input(
        "Search", placeholder="digits resnet  ·  a name, a note, a tag, an id", key="runs:search", max_chars=200
    )
    trained = [name for name, kind in spec_kinds().items() if kind.trains]
    kind = kinds.multiselect("Kind", trained, format_func=in_words, key="runs:kinds", placeholder="any")
    chosen = states.multiselect("State", STATES, key="runs:states", placeholder="any")
    held = [tag for tag in st.session_state.get("runs:tags", []) if tag in known]
    st.session_state["runs:tags"] = held  # a tag that nobody bears any more cannot be chosen
    tagged = tags.multiselect("Tags", known, key="runs:tags", placeholder="any", disabled=not known)
    return {"text": text, "kinds": kind, "states": chosen, "tags": tagged}


def in_words(kind: str) -> str:
    """A kind of run as the table calls it."""
    return KINDS.get(kind, kind.replace("_", " "))


def grouped(entries: Sequence[index.RunEntry]) -> list[list[index.RunEntry]]:
    """The runs that differ by their seed alone, together; in the order of the newest of each."""
    found: dict[str, list[index.RunEntry]] = {}
    for entry in entries:
        found.setdefault(entry.setting or entry.id, []).append(entry)
    return list(found.values())


def group_table(groups: Sequence[Sequence[index.RunEntry]]) -> dict[str, list[Any]]:
    """The groups by column: what their runs have in common, their seeds, and what they found."""
    shared = table([group[0] for group in groups])
    return {
        "runs": [len(group) for group in groups],
        "seeds": [", ".join(str(e.seed) for e in group if e.seed is not None) for group in groups],
        "results": [spread(group) for group in groups],
        "done": [f"{sum(e.state == 'done' for e in group)} of {len(group)}" for group in groups],
        **{
            name: shared[name]
            for name in ("kind", "target", "labels per class", "network", "strategy", "boundary", "learning rate")
        },
    }


def spread(group: Sequence[index.RunEntry]) -> str:
    """The results of a group: from the lowest to the highest accuracy, or each verdict with its number."""
    verdicts = Counter(e.verdict for e in group if e.verdict)
    if verdicts:
        return ", ".join(f"{n} × {name}" for name, n in verdicts.items())
    figures = sorted(100 * e.accuracy for e in group if e.accuracy is not None)
    if not figures:
        return ""
    return f"{figures[0]:.1f}%" if len(figures) == 1 else f"{figures[0]:.1f} … {figures[-1]:.1f}%"


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
        trash_view.take_away([run])
    if more and more[0].button(
        "Use", width="stretch", icon=":material/play_circle:", help="Predict, evaluate, hand over."
    ):
        plan.choose_run(run.id)
        chrome.open_page("use")
    take_along(entry)
    labels(run)
    attempts(run)
    show_asked(run.spec)


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


def curves(entries: Sequence[index.RunEntry], name: str, x: str) -> tuple[dict[str, Curve], int]:
    """A curve of each training, and of each arm of each study the mean over its seeds; how many more there are.

    Args:
        entries: Trainings and studies.
        name: Of the quantity.
        x: What it runs over.
    """
    found: dict[str, Curve] = {}
    for entry in entries:
        title = entry.name or chrome.title_of(entry)
        by_arm: dict[str, list[Curve]] = {}
        for child in entry.run.children():
            if child.role == "measure":
                by_arm.setdefault(child.arm, []).append(Run.at(child.id).curve(name, x=x))
        if entry.kind == TransferSpec.kind:
            found[title if title not in found else f"{title} · {entry.id[:6]}"] = entry.run.curve(name, x=x)
        for arm, seeds in by_arm.items():
            label = f"{title} · {arm}" + (f", mean of {len(seeds)} seeds" if len(seeds) > 1 else "")
            found[label] = mean_curve(label, seeds)
    shown = {label: curve for label, curve in found.items() if curve.x}
    return dict(list(shown.items())[:MOST_LINES]), max(len(shown) - MOST_LINES, 0)


def overlay(entries: Sequence[index.RunEntry]) -> None:
    """Several runs and studies over one another, and what was asked of them differently."""
    left, right, last = st.columns([2, 3, 1], vertical_alignment="bottom")
    name = left.segmented_control("Quantity", list(QUANTITIES), format_func=QUANTITIES.__getitem__, default="accuracy")
    x = right.segmented_control("Over", list(UNITS), format_func=UNITS.__getitem__, default="step")
    name, x = name or "accuracy", x or "step"
    is_active = any(entry.state in ACTIVE for entry in entries)
    if last.button(f"Delete these {len(entries)}", icon=":material/delete:", width="stretch", disabled=is_active):
        trash_view.take_away([entry.run for entry in entries])
    drawn, more = curves(entries, name, x)
    if drawn:
        title = f"Validation {QUANTITIES[name].lower()}"
        height = 380 + 22 * max(len(drawn) - 4, 0)
        plot(lines(drawn, title, x), key="runs:overlay", height=height, alt=f"{title} of the chosen runs.")
    else:
        st.caption(f"None of these runs has told {QUANTITIES[name].lower()} over {UNITS[x].lower()}.")
    if more:
        st.caption(f"{more} more curves are left out; choose fewer runs.")
    trainings = [e for e in entries if e.kind == TransferSpec.kind]
    results = {e.id[:6]: found for e in trainings if (found := read_result(e.run)) is not None}
    for flag in budget_flags({name: [found] for name, found in results.items()}):
        st.warning(plain(flag))
    st.dataframe(differences([e.run for e in entries]), hide_index=True, width="stretch")


def take_along(entry: index.RunEntry) -> None:
    """The weights of a training in two forms, and the report of a run that is done."""
    if entry.state != "done":
        return
    if entry.kind == TransferSpec.kind and entry.model >= 0:
        with st.expander("Weights to take along", icon=":material/download:"):
            form = st.segmented_control("Form", ("safetensors", "onnx"), default="safetensors", key="runs:form")
            st.caption(plain(ABOUT[form or "safetensors"]))
            hand_over_view.offer(entry.run, form or "safetensors")
    study_view.downloads(entry.run, f"runs:{entry.id}")


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
    trash_view.undo()
    if not index.find(trains=True, limit=1):
        chrome.empty_state("**No runs yet.** Runs are kept until you delete them.", "workbench", "See transfer happen")
    else:
        query = filters()
        left, right = st.columns(2)
        everything = left.toggle("Show the trainings inside studies", value=False)
        together = right.toggle(
            "Group runs that differ by seed alone",
            value=False,
            help="One row for each setting; its runs are chosen together.",
        )
        found = chrome.own(listing.runs(trains=True, within=everything, limit=0 if room.now() else MOST + 1, **query))
        shown = found[:MOST]
        if not shown:
            st.markdown("No run is as asked for. Try fewer words, or another kind, state or tag.")
        elif len(found) > MOST:
            st.caption(f"The newest {MOST:,} of them are shown. Search to find older ones.")
        groups = grouped(shown) if together else [[entry] for entry in shown]
        is_plain = not (any(query.values()) or everything or together)
        # The rows that are ticked belong to the runs that were searched for, and to those that are there now.
        key = f"runs:table:{trash_view.times()}"
        chosen = st.dataframe(
            group_table(groups) if together else table(shown),
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="multi-row",
            key=f"runs:table:{trash_view.times()}"
            + ("" if is_plain else f":{everything}:{together}:{json.dumps(query)}"),
        )
        picked = [entry for i in chosen["selection"]["rows"] if i < len(groups) for entry in groups[i]]
        if len(picked) == 1:
            actions(picked[0])
        elif picked:
            overlay(picked)
    trash_view.show()
    take_in()
    executor_view.show()
