"""The right pane: live curves of all arms and seeds, the verdict with its interval, what it cost and what to mind."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

import streamlit as st

from tltk.dashboard import chrome, plan
from tltk.dashboard.network import of_another_version
from tltk.dashboard.plot import as_dict, plot
from tltk.dashboard.verdict_view import LOOKS, below_heading, state_line
from tltk.dashboard.words import plain
from tltk.dashboard.workbench_layout import facts, ghost, head, note
from tltk.errors import RunProblem
from tltk.plots.accuracy import accuracy_axis
from tltk.plots.curves import arms
from tltk.plots.learning import idle_of
from tltk.results.verdict import Verdict
from tltk.runs.run import ACTIVE, Run
from tltk.specs.reading import with_absolute_paths
from tltk.studies.compare import study as compare
from tltk.studies.compare.result import CompareResult
from tltk.studies.compare.spec import CompareSpec

MARGIN = {"l": 44, "r": 8, "t": 20, "b": 34}
STEPS = "Optimiser steps"
POINTS = (10, 20, 40, 60, 100)  # ends of the strip of the interval
SENTENCES = re.compile(r"(?<=\.) (?=[A-Z])")
NAMED = 3  # classes that a line names


def show(run: Run | None) -> None:
    """The comparison of this session, or what will be here.

    Args:
        run: The comparison; None = there is none yet.
    """
    if run is None:
        _promise()
        return
    spec = run.spec
    assert isinstance(spec, CompareSpec)
    status = run.status
    cost = f" · {status.seconds:.0f} s here" if status.state == "done" else ""
    head("Scratch against transfer", f"{chrome.short(spec.target.name)} · {run.id[:6]}{cost}")
    state = state_line(run)
    if state in ACTIVE:
        _live(run, spec)
        chrome.stop_button(run, state, "workbench")
        return
    try:
        found = run.read(CompareResult)
    except RunProblem as fault:
        of_another_version(spec, fault, f"workbench:{run.id}")
        return
    if found is not None:
        if with_absolute_paths(plan.comparison()).run_id != run.id:
            _of_another_plan(spec)
        _curves(run)
        _verdict(run, found)


def _of_another_plan(spec: CompareSpec) -> None:
    """That the plan beside it is no longer the one that was compared, and the way back to that."""
    with st.container(horizontal=True, vertical_alignment="center", key="wb-other-plan"):
        st.caption("Of another plan than the one beside it.")
        key, icon = "workbench:its-plan", ":material/undo:"
        st.button("Show its plan", icon=icon, type="tertiary", key=key, on_click=plan.put, args=(spec,))


def _promise() -> None:
    """What a comparison is, before there is one."""
    head("Scratch against transfer", "not trained yet")
    spec = plan.comparison()
    if spec.source is None and spec.net.weights == "scratch":
        st.markdown(
            "A comparison needs weights to transfer: choose a source, or weights that are there, in the bar above."
        )
        return
    st.markdown(
        f"**Compare with scratch** runs {compare.n_trainings(spec)} short trainings: "
        + ("the source network, " if spec.source is not None else "")
        + f"a search for each arm's learning rate, then {spec.seeds} seeds for each arm. You will see their curves "
        "grow. Then a sentence says whether transfer helped, with its interval, or that the runs cannot tell."
    )
    ghost("chart")
    st.markdown("**Your guess first:** by how many points will transfer be better, or worse?")


def _live(run: Run, spec: CompareSpec) -> None:
    """Curves that grow: the source network's, then those of both arms."""
    if spec.source is not None:
        st.markdown(f"**The source network** learns {plain(chrome.short(spec.source.name))}")
        with st.container(key="wb-source"):
            _chart(run, "source", 130)
    st.markdown("**Both arms**: thin lines search for a rate, thick ones are measured")
    if _chart(run, "search,measure", 200):
        st.rerun()


def _chart(run: Run, roles: str, height: int) -> bool:
    """One live chart; whether the study has just ended."""
    axes = {"xaxis": {"title": {"text": STEPS, "font": {"size": 11}}}, "yaxis": accuracy_axis()}
    return plot(
        {"layout": {**axes, "margin": MARGIN, "font": {"size": 11}}},
        key=f"workbench:{roles}:{run.id}",
        height=height,
        live={"url": f"/tltk/live/{run.id}?role={roles}", "every_ms": 400, "unit": "training"},
        alt=f"Validation accuracy over steps of the {roles.replace(',', ' and ')} trainings, growing while they run.",
    )


def _curves(run: Run) -> None:
    """Mean, band and every seed of both arms."""
    figure = _figure(run.id, run.status.updated)
    if figure is None:
        note("The rows of these trainings were deleted; what follows still holds.")
        return
    plot(
        figure,
        key=f"workbench:curves:{run.id}",
        height=176,
        alt="Validation accuracy of scratch and transfer over optimiser steps: mean, 95% band and every seed.",
    )


@lru_cache(maxsize=16)
def _figure(run_id: str, updated: float) -> dict[str, Any] | None:
    """The curves of a finished comparison, drawn once; `updated` makes them anew when it has run again."""
    run = Run.at(run_id)
    means = compare.curves(run)
    if not any(curve.x for curve in means.values()):
        return None
    measured = compare.measuring_runs(run)
    seeds = {arm: [one.curve("accuracy", "val", "step") for one in runs] for arm, runs in measured.items()}
    figure = arms(means, "Validation accuracy", "step", seeds, idle_of(run))
    figure.update_layout(margin=MARGIN, font={"size": 11})
    figure.update_yaxes(title=None)
    figure.update_xaxes(title={"text": f"{STEPS}, validation accuracy", "font": {"size": 11}, "standoff": 4})
    return as_dict(figure)


def _verdict(run: Run, found: CompareResult) -> None:
    """The sentence, its interval as a strip, the first thing to mind, and figures."""
    verdict = found.verdict
    st.markdown(f"#### {LOOKS[verdict.label]}")
    st.html(strip(verdict))
    st.markdown(plain(in_short(verdict)))
    if verdict.remarks:
        more = len(verdict.remarks) - 1
        rest = f" And {more} more to mind, on Curves." if more else ""
        st.warning(plain(verdict.remarks[0] + rest))
    facts(_figures(found))
    with st.container(horizontal=True, gap="small", key="wb-links"):
        chrome.go("curves", "Curves: classes, search, cost")
        chrome.go("studies", "Studies: why?")


def in_short(verdict: Verdict) -> str:
    """The verdict's sentences up to that of its interval; the label stands above, and the rest on Curves.

    Args:
        verdict: Whose sentence.
    """
    sentences = SENTENCES.split(below_heading(verdict))
    last = next((i for i, one in enumerate(sentences) if "interval" in one), 0)
    return " ".join(sentences[: last + 1])


def strip(verdict: Verdict) -> str:
    """The interval of the gap on a line around no difference, as a picture with its words.

    Args:
        verdict: Whose gap it is.
    """
    ends = [100 * v for v in (verdict.gap, verdict.lo, verdict.hi)]
    most = next((p for p in POINTS if max(map(abs, ends)) <= p), POINTS[-1])

    def at(points: float) -> float:
        return 50 + 50 * min(max(points / most, -1), 1)

    gap, lo, hi = ends
    told = f"Gap {_points(gap)} points, 95% interval {_points(lo)} to {_points(hi)}."
    return (
        f'<div class="wb-gap" role="img" aria-label="{escape(told)}"><i class="line"></i><i class="none"></i>'
        f'<i class="interval" style="left: {at(lo):.1f}%; width: {at(hi) - at(lo):.1f}%"></i>'
        f'<i class="gap" style="left: {at(gap):.1f}%"></i>'
        f'<span class="told" style="left: {min(max(at(gap), 6), 94):.1f}%">{_points(gap)}</span>'
        f'<span class="ends"><span>−{most} points</span><span>no difference</span><span>+{most}</span></span></div>'
    )


def _figures(found: CompareResult) -> list[tuple[str, str]]:
    """Accuracies, classes that gain and lose, how much sooner."""
    verdict = found.verdict
    rows = [
        ("test accuracy, scratch → transfer", f"{100 * verdict.scratch:.1f} → {100 * verdict.transfer:.1f}%"),
        ("classes that gain", _classes(verdict, "helps")),
        ("classes that lose", _classes(verdict, "hurts")),
    ]
    speed = verdict.speed_up_steps
    rows.append(("steps to scratch's best", _times(speed) if speed else "not reached"))
    return rows


def _classes(verdict: Verdict, label: str) -> str:
    """`0 +38, 6 +31`: those of which it can be told, the clearest first."""
    told = sorted((one for one in verdict.per_class if one.label == label), key=lambda one: -abs(one.gap))
    if not told:
        return "none can be told"
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return ", ".join(f"{one.name} {_points(100 * one.gap, 0)}" for one in told[:NAMED]) + more


def _times(speed: float) -> str:
    """`2.0 × fewer` steps, `2.0 × more`, or `as many`."""
    if f"{speed:.1f}" == "1.0":
        return "as many"
    return f"{speed:.1f} × fewer" if speed > 1 else f"{1 / speed:.1f} × more"


def _points(points: float, digits: int = 1) -> str:
    return f"{points:+.{digits}f}".replace("-", "−")
