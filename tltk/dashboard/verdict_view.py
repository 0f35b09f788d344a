"""A comparison on the screen: curves that grow while it runs, then the verdict with all it rests on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tltk.dashboard import chrome, class_choice, confusion_view, permitted
from tltk.dashboard.flips_view import show_flips
from tltk.dashboard.ledger_view import show_ledger
from tltk.dashboard.network import of_another_version
from tltk.dashboard.plot import plot
from tltk.dashboard.words import plain, target_of, told_of
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.plots.accuracy import accuracy_axis
from tltk.plots.curves import UNITS, arms, class_gaps
from tltk.plots.learning import idle_of
from tltk.results.verdict import Verdict
from tltk.runs.run import ACTIVE, Run
from tltk.studies.compare import study as compare
from tltk.studies.compare.result import CompareResult
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.table import TITLES
from tltk.studies.compare.table import UNITS as AXES
from tltk.verdicts.transfer import speed_up_in_words

LOOKS = {
    "helps": ":blue[▲ Transfer helps]",
    "hurts": ":orange[▼ Transfer hurts]",
    "no difference": "＝ No difference",
    "cannot tell": "● Cannot tell",
}


@st.fragment(run_every=2.0)
def _place_in_queue(run_id: str) -> None:
    """How long the queue before it is; nothing once it runs."""
    ahead = executor().ahead(run_id)
    if ahead and executor().state(run_id) == "waiting":
        st.info(f"Waiting: {ahead} job{'s' if ahead != 1 else ''} ahead of it.")


def _resume(run: Run) -> None:
    """A callback, since it runs before all else: a chart that tells its end at that moment cannot swallow the click."""
    try:
        permitted.resume(run)
    except TltkError as fault:
        st.error(plain(fault))


def state_line(run: Run) -> str:
    """Where a run stands, and what to do next, where the charts do not say it. Returns its state."""
    state, status = executor().state(run.id), run.status
    if state == "waiting":
        _place_in_queue(run.id)
    elif state == "failed":
        st.error(f"It failed. {plain(status.message)}")
    elif state == "stopped":
        st.warning(plain(status.message or "It was stopped."))
    if state in ("failed", "stopped"):
        st.button("Resume", key=f"resume:{run.id}", icon=":material/resume:", on_click=_resume, args=(run,))
        text = executor().log(run.id)
        if text:
            with st.expander("Log"):
                st.code(text, language=None)
    return state


def live_arms(run: Run, key: str) -> None:
    """Accuracy on the validation pictures while the study runs; nothing once it is done."""
    if state_line(run) not in ACTIVE:
        return
    spec = run.spec
    left, right = st.columns([2, 3])
    if isinstance(spec, CompareSpec) and spec.source is not None:
        with left:
            st.markdown(f"**The source network** learns {plain(chrome.short(spec.source.name))}")
            _live(run, f"{key}:source", "source")
    with right:
        st.markdown("**Both arms**: thin lines are the search for a learning rate, thick ones are measured")
        if _live(run, f"{key}:arms", "search,measure"):
            st.rerun()


def _live(run: Run, key: str, roles: str) -> bool:
    """One live chart of those children of a study; whether the study has just ended."""
    return plot(
        {"layout": {"xaxis": {"title": {"text": "Optimiser steps"}}, "yaxis": accuracy_axis("Validation accuracy")}},
        key=f"{key}:{run.id}",
        height=360,
        live={"url": f"/tltk/live/{run.id}?role={roles}", "every_ms": 400, "unit": "training"},
        alt=f"Validation accuracy over steps of the {roles.replace(',', ' and ')} trainings, growing while they run.",
    )


def show_verdict(run: Run) -> None:
    """The verdict, its figures, and where each of them comes from."""
    try:
        found = run.read(CompareResult)
    except RunProblem as fault:
        of_another_version(run.spec, fault, f"verdict:{run.id}")
        return
    if found is None:
        return
    verdict, target = found.verdict, target_of(run.spec)
    with st.container(border=True):
        say(verdict)
        _figures(verdict)
        if verdict.remarks:
            st.warning("\n".join(f"- {plain(remark)}" for remark in verdict.remarks))
        seconds = run.status.seconds
        st.caption(
            f"Trained here in {seconds:.0f} s. The interval covers other seeds and other test "
            f"{told_of(target, 'pictures')} than these (two-way variance components, Student's t), for this one source "
            "network."
        )
    show_curves(run, key=f"verdict:{run.id}")
    if found.metrics or found.speed_ups:
        with st.expander("How the curves differ: start, slope, end, area, and how much sooner"):
            _curve_figures(found)
    if found.flips is not None and isinstance(run.spec, CompareSpec):
        with st.expander(told_of(target, "Pictures that are right in one arm and wrong in the other")):
            show_flips(run.spec.target, found.flips, f"flips:{run.id}")
            arms = {child.arm: child.id for child in run.children() if child.role == "measure"}
            if {"scratch", "transfer"} <= set(arms) and st.button(
                "See them with each arm's confidence", key=f"flips:{run.id}:examine", icon=":material/arrow_forward:"
            ):
                confusion_view.open_beside(arms["transfer"], arms["scratch"])
    show_ledger(run, f"ledger:{run.id}")
    with st.expander("Per class, and the search for learning rates"):
        left, right = st.columns([3, 2])
        with left:
            show_classes(verdict, f"classes:{run.id}")
        with right:
            if verdict.search.get("scratch"):
                st.dataframe(_search(verdict), hide_index=True, width="stretch")
                st.caption("Validation accuracy of each rate that was tried. Both arms chose from the same rates.")
                for arm, edge in verdict.at_edge.items():
                    st.warning(f"The best rate of {arm} is the {edge} that was tried; another may do better.")
            else:
                st.caption("The learning rate was given, not searched.")


def say(verdict: Verdict) -> None:
    """The label of a verdict as a heading, and its sentence without the remarks that stand elsewhere."""
    st.markdown(f"### {LOOKS[verdict.label]}")
    sentence = below_heading(verdict)
    for remark in verdict.remarks:
        sentence = sentence.replace(f" {remark}", "")
    st.markdown(plain(sentence))


def below_heading(verdict: Verdict) -> str:
    """A verdict's sentence without its label, which stands above as the heading.

    Args:
        verdict: Whose sentence.
    """
    text = verdict.sentence
    for start in (f"Transfer {verdict.label}: ", f"{verdict.label.capitalize()}: "):
        text = text.removeprefix(start)
    return text[:1].upper() + text[1:]


def show_classes(verdict: Verdict, key: str) -> None:
    """The gap of every class with its interval.

    Args:
        verdict: With its classes.
        key: Of the chart.
    """
    names = [one.name for one in verdict.per_class]
    beside, _ = st.columns([1, 1])
    with beside:
        only = class_choice.menu(sorted(names), key)
    plot(
        class_gaps(verdict.per_class, only),
        key=key,
        height=max(260, 28 * len(verdict.per_class) + 90),
        alt="Gap in accuracy for each class with its interval.",
    )
    st.caption("Intervals hold for all classes at once (Bonferroni correction).")


def gap_figures(gap: float, lo: float, hi: float, level: float = 0.95) -> None:
    """The gap of transfer to scratch in points and its interval, side by side, each with what it means.

    Args:
        gap: Accuracy of transfer less that of scratch, −1 … 1.
        lo: Lower end of its interval.
        hi: Upper end.
        level: Of the interval, 0 … 1.
    """
    one, two = st.columns(2)
    one.metric(
        "Gap",
        f"{_points(gap)} points",
        help="How many more of 100 test examples the network that starts from the source gets right than the one from "
        "scratch. Below 0 transfer loses.",
    )
    two.metric(
        f"{100 * level:.3g}% interval",
        f"{_points(lo)} … {_points(hi)}",
        help=_interval_meaning(level),
    )


def _interval_meaning(level: float) -> str:
    return (
        f"Other seeds and other test examples would give other gaps. In {100 * level:.3g}% of such experiments an "
        "interval made like this one holds the true gap. Where all of it is below 0, transfer hurts."
    )


def _figures(verdict: Verdict) -> None:
    one, two, three, four = st.columns(4)
    one.metric("Gap", f"{_points(verdict.gap)} points", help="Test accuracy: transfer − scratch.")
    two.metric("95% interval", f"{_points(verdict.lo)} … {_points(verdict.hi)}", help=_interval_meaning(verdict.level))
    three.metric(
        "Jump-start",
        f"{_points(verdict.jump_start)} points",
        help="Difference in validation accuracy at the first evaluation (Taylor and Stone 2009).",
    )
    speed = verdict.speed_up_steps
    four.metric(
        "Steps to scratch's best",
        _times(speed) if speed else "not reached",
        help="How many times fewer steps transfer needs to reach the best validation accuracy of scratch.",
    )


def _curve_figures(found: CompareResult) -> None:
    """Transfer metrics and speed-ups as two tables, with their intervals over the seeds."""
    left, right = st.columns(2)
    with left:
        rows = [
            {
                "metric": TITLES[one.name],
                "scratch": "" if one.name == "area_ratio" else f"{100 * one.scratch:.1f}%",
                "transfer": "" if one.name == "area_ratio" else f"{100 * one.transfer:.1f}%",
                "difference": f"{_points(one.value)}{'%' if one.name == 'area_ratio' else ''}",
                "95% interval": "–" if one.lo is None or one.hi is None else f"{_points(one.lo)} … {_points(one.hi)}",
            }
            for one in found.metrics
        ]
        st.dataframe(rows, hide_index=True, width="stretch")
        st.caption("On the validation pictures, over steps, paired by seed (Taylor and Stone 2009; Student's t).")
    with right:
        st.dataframe(
            [
                {"counted": AXES[one.over], "transfer needs": speed_up_in_words(one, AXES[one.over])}
                for one in found.speed_ups
            ],
            hide_index=True,
            width="stretch",
        )
        st.caption("Until it is as accurate as scratch at its best, seed by seed.")


def _times(speed: float) -> str:
    """`2.0 × fewer` steps, `2.0 × more`, or `as many`."""
    if f"{speed:.1f}" == "1.0":
        return "as many"
    return f"{speed:.1f} × fewer" if speed > 1 else f"{1 / speed:.1f} × more"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _search(verdict: Verdict) -> list[dict[str, Any]]:
    rows = []
    for lr in verdict.search["scratch"]:
        row: dict[str, Any] = {"learning rate": lr}
        for arm, chosen in (("scratch", verdict.scratch_lr), ("transfer", verdict.transfer_lr)):
            row[arm] = f"{100 * verdict.search[arm][lr]:.1f}%{' ✓' if f'{chosen:g}' == lr else ''}"
        rows.append(row)
    return rows


def _guessing(run: Run, name: str) -> tuple[float, str] | None:
    """The accuracy that takes no learning, where a training of it is done."""
    return idle_of(run) if name == "accuracy" else None


def show_curves(run: Run, key: str, name: str = "accuracy", x: str = "step") -> None:
    """Mean and band of both arms, with every seed.

    Args:
        run: The comparison.
        key: Of the component.
        name: Of the measured quantity, such as accuracy or loss.
        x: What it is drawn over, one of `tltk.plots.curves.UNITS`.
    """
    means = compare.curves(run, name, "val", x)
    if not any(curve.x for curve in means.values()):
        if any(curve.x for curve in compare.curves(run, name).values()):
            st.caption(f"{UNITS[x]} are not known of these trainings; take another axis.")
        else:
            chrome.empty_state("Curves appear here once both arms are measured.", "train", "See what runs")
        return
    seeds = {arm: [r.curve(name, "val", x) for r in runs] for arm, runs in compare.measuring_runs(run).items()}
    plot(
        arms(means, f"Validation {name.replace('_f1', '-F1')}", x, seeds, _guessing(run, name)),
        key=key,
        height=420,
        alt=f"Validation {name} of the scratch and the transfer arm over {UNITS[x]}, mean, 95% band and every seed.",
    )
