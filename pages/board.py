"""Board: what everybody in the room predicted and found, and what all runs of one plan say together."""

from typing import Any

import streamlit as st

from tltk.analyses.pool.result import PoolResult
from tltk.analyses.pool.spec import PoolSpec, plan_of
from tltk.dashboard import chrome, depth
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.jobs import executor, queue
from tltk.runs import index
from tltk.runs.index import RunEntry
from tltk.studies.compare.spec import CompareSpec
from tltk.verdicts.judge import format_points

REPEATS = 3  # with fewer nothing can be told
MOST_PLANS = 12  # the newest; more take long to send and nobody looks through them


def plans() -> dict[str, list[RunEntry]]:
    """The room's comparisons by their plan, the plan with the newest run first."""
    found: dict[str, list[RunEntry]] = {}
    for entry in index.find(kinds=[CompareSpec.kind]):
        if entry.id in asked:
            try:
                found.setdefault(plan_of(entry.run.spec), []).append(entry)
            except TltkError:  # of another version
                continue
    return dict(list(found.items())[:MOST_PLANS])


def row(entry: RunEntry) -> dict[str, Any]:
    """One run of a plan: whose, with which seed, and what it found."""
    state = executor().state(entry.id)
    return {
        "by": ", ".join(asked[entry.id]),
        "first seed": entry.seed,
        "state": f"{chrome.SIGNS.get(state, '')} {state}",
        "verdict": entry.verdict,
        "gap, points": "" if entry.gap is None else format_points(entry.gap),
        "run": entry.id,
    }


def pooled(done: list[RunEntry]) -> None:
    """All finished runs of a plan together, weighed by a worker."""
    if len(done) < REPEATS:
        st.caption(f"{REPEATS} finished runs of this plan, each with a seed of its own, can be weighed together.")
        return
    spec = PoolSpec(tuple(sorted(entry.id for entry in done)))
    answer = depth.ask_with_button(
        spec, f"Weigh {len(done)} runs together", "Weighing the runs together.", f"board:{spec.run_id}"
    )
    if answer is not None and isinstance(answer[1], PoolResult):
        show(answer[1])


def show(found: PoolResult) -> None:
    """The verdict of all runs together."""
    verdict = found.verdict
    one, two, three = st.columns(3)
    one.metric("Gap of all runs", f"{format_points(verdict.gap)} points", help="Test accuracy: transfer − scratch.")
    two.metric("95% interval", f"{format_points(verdict.lo)} … {format_points(verdict.hi)}")
    three.metric("Runs", len(found.runs))
    st.markdown(plain(verdict.sentence))
    for remark in found.remarks:
        st.caption(plain(remark))


def told(entries: list[RunEntry]) -> list[dict[str, str]]:
    """Everybody's predictions of these runs."""
    return [
        {
            "by": one.by or ", ".join(asked[entry.id]),
            "lesson": one.lesson.replace("_", " "),
            "predicted": one.choice.replace("_", " ") + (", when the run had ended" if one.late else ""),
            "found": entry.verdict or "not yet",
        }
        for entry in entries
        for one in entry.run.predictions
    ]


LEAD = "What everybody predicted and found. Runs of one plan that differ in their seed alone are repeats of one study."

asked = queue.askers()
with chrome.page("Board", LEAD):
    known = plans()
    if not known:
        chrome.empty_state("**No comparison yet.** Everybody's appear here.", "workbench", "See transfer happen")
    for entries in known.values():
        first = entries[0]
        with st.container(border=True):
            start = chrome.short(first.source or first.weights)
            labels = f", {first.shots} labels per class" if first.shots else ""
            st.markdown(f"**{plain(f'{start} → {chrome.short(first.target)}{labels}, {first.backbone}')}**")
            st.dataframe([row(entry) for entry in entries], hide_index=True, width="stretch")
            if predicted := told(entries):
                st.dataframe(predicted, hide_index=True, width="stretch")
            pooled([entry for entry in entries if entry.verdict])
