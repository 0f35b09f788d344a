"""Runs: every run as a folder that can be opened, compared, copied, exported and deleted."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from tltk.dashboard import chrome, permitted, plan
from tltk.dashboard.plot import plot
from tltk.errors import RunProblem
from tltk.jobs import executor
from tltk.plots.curves import lines
from tltk.runs.run import Run
from tltk.specs import command
from tltk.specs.reading import result_of
from tltk.studies.compare.spec import CompareSpec
from tltk.weights.export import exported

QUANTITIES = {"accuracy": "Accuracy", "loss": "Loss", "macro_f1": "Macro F1"}


def row(run: Run) -> dict[str, Any]:
    """A run as a line of the table."""
    spec = run.spec
    compare = isinstance(spec, CompareSpec)
    return {
        "run": run.id,
        "kind": "comparison" if compare else "training",
        "state": f"{chrome.SIGNS.get(executor().state(run.id), '')} {executor().state(run.id)}",
        "target": chrome.short(spec.target.name),
        "labels per class": str(spec.target.shots or "all"),
        "network": spec.net.backbone,
        "strategy": spec.strategy.name.replace("_", " "),
        "boundary": spec.net.boundary,
        "learning rate": "searched" if compare else f"{spec.optim.lr:g}",
        "seed": spec.first_seed if compare else spec.seed,
        "result": outcome(run),
        "seconds": run.status.seconds,
    }


def outcome(run: Run) -> str:
    """The verdict of a comparison, or the test accuracy of a training; empty where there is none."""
    try:
        found = run.read(result_of(type(run.spec)))
    except RunProblem:
        return "of another version"
    if found is None:
        return ""
    return found.verdict.label if isinstance(run.spec, CompareSpec) else f"{100 * found.accuracy:.1f} %"


def actions(run: Run) -> None:
    """What can be done with one run."""
    one, two, three, four = st.columns(4)
    if one.button("Open", width="stretch", icon=":material/open_in_new:"):
        plan.choose_run(run.id)
        chrome.open_page("curves" if isinstance(run.spec, CompareSpec) else "train")
    two.download_button(
        "Export as zip",
        lambda: exported(run),
        f"tltk-{run.id}.zip",
        "application/zip",
        width="stretch",
        on_click="ignore",
        icon=":material/download:",
    )
    state = executor().state(run.id)
    if state in ("waiting", "running"):
        if three.button("Stop training", width="stretch"):
            executor().cancel(run.id)
            st.rerun()
    elif three.button("Train again", width="stretch", help="Discard the results and run the same specification again."):
        permitted.submit(run.spec, again=True)
        st.rerun()
    if four.button("Delete", width="stretch", icon=":material/delete:", disabled=state in ("waiting", "running")):
        confirm(run.id)
    st.code(command.to_command(run.spec), language="bash", wrap_lines=True)
    st.code(command.to_python(run.spec), language="python")


@st.dialog("Delete this run for good?")
def confirm(run_id: str) -> None:
    """Deleting is asked for twice."""
    st.write(f"Run {run_id}: its curves, result and weights are removed from this machine.")
    if st.button("Delete for good", type="primary"):
        Run.at(run_id).delete()
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


def overlay(runs: Sequence[Run]) -> None:
    """Several runs over one another, and what was asked of them differently."""
    name = st.segmented_control("Quantity", list(QUANTITIES), format_func=QUANTITIES.__getitem__, default="accuracy")
    name = name or "accuracy"
    trainings = [r for r in runs if not isinstance(r.spec, CompareSpec)]
    if trainings:
        curves = {chrome.title_of(r): r.curve(name) for r in trainings}
        figure = lines(curves, f"Validation {QUANTITIES[name].lower()}", "step")
        plot(figure, key="runs:overlay", height=380, alt=f"Validation {QUANTITIES[name].lower()} of the chosen runs.")
    st.dataframe(differences(runs), hide_index=True, width="stretch")


LEAD = "Every run is a folder: specification, measurements, result. Tick one to open it, several to compare them."

with chrome.page("Runs", LEAD):
    found = chrome.listed()
    if not found:
        chrome.nothing("**No runs yet.** Runs are kept until you delete them.", "start", "See transfer happen")
    else:
        children = {c.id for r in found for c in r.children()}
        everything = st.toggle("Show the trainings inside comparisons", value=False)
        shown = [r for r in found if everything or r.id not in children]
        chosen = st.dataframe(
            [row(r) for r in shown],
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="multi-row",
            key="runs:table",
        )
        picked = [shown[i] for i in chosen["selection"]["rows"] if i < len(shown)]
        if len(picked) == 1:
            actions(picked[0])
        elif picked:
            overlay(picked)
