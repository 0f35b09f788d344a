"""Train: what one training does while it does it: curves, rates, the audit of frozen layers."""

from typing import Any

import streamlit as st

from tltk.dashboard import chrome
from tltk.dashboard.asked import show_asked, show_technique
from tltk.dashboard.ledger_view import show_ledger
from tltk.dashboard.plot import plot
from tltk.dashboard.training_view import (
    audit_strip,
    layer_charts,
    numbers,
    of_earlier_version,
    read_result,
    swap_chart,
    term_rows,
    without_labels,
)
from tltk.dashboard.verdict_view import state_line
from tltk.plots.accuracy import accuracy_axis, chance_line
from tltk.plots.learning import idle_of
from tltk.runs.run import ACTIVE, MODEL, Run
from tltk.specs.training import TransferSpec

DOMAINS_APART = ("term.dann.accuracy", "term.cdan.accuracy", "term.domain_confusion.accuracy")


def chart(run: Run, name: str, title: str, state: str) -> None:
    """Training and validation over steps, live while it runs.

    Args:
        run: The training.
        name: Of the measured quantity: accuracy or loss.
        title: Of the vertical axis.
        state: Of the run; once the last row of one that was active is drawn, the page runs again.
    """
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "Optimiser steps"}},
        "yaxis": {"title": {"text": title}},
    }
    if name.endswith("accuracy"):
        layout["yaxis"] = accuracy_axis(title)
    idle = idle_of(run) if name == "accuracy" else None
    if name in DOMAINS_APART:
        idle = 0.5, "domains that cannot be told apart"
    figure = {"layout": layout | (chance_line(*idle) if idle else {})}
    url = f"/tltk/live/{run.id}?name={name}&split=train,val,test"
    ended = plot(
        figure,
        key=f"train:{name}:{run.id}",
        height=340,
        live={"url": url, "every_ms": 400},
        alt=f"{title} on training, validation and test examples over optimiser steps.",
    )
    if ended and state in ACTIVE:
        st.rerun()


def terms(run: Run, state: str) -> None:
    """What the terms come to at each step, and what they report, such as how well a discriminator tells the domains."""
    names = term_rows(run)
    if not names:
        return
    with st.expander("What the terms come to, step by step"):
        columns = st.columns(2)
        for i, name in enumerate(names):
            with columns[i % 2]:
                chart(run, name, name.removeprefix("term."), state)


def nothing_yet() -> None:
    """What will be here, and where to begin."""
    chrome.empty_state(
        "**Nothing has been trained yet.** Trainings appear here while they run: curves, the learning rate of each "
        "layer and how far it moved, and the audit of frozen layers.",
        "workbench",
        "See transfer happen",
    )


LEAD = "One training, live: its curves, how far each layer moves, and proof that the frozen layers do not."

with chrome.page("Train", LEAD):
    run = chrome.choose(TransferSpec, "train:run", nothing_yet)
    if run is not None:
        state = state_line(run)
        chrome.stop_button(run, state, "train")
        if state == "done" and (run.path / MODEL).is_file():
            chrome.go("use", "Use it: predict, evaluate, hand over")
        of_earlier_version(run)
        numbers(run, live=state in ACTIVE)
        if without_labels(run):
            chart(run, "loss", "Loss of the terms", state)
        else:
            left, right = st.columns(2)
            with left:
                chart(run, "accuracy", "Accuracy", state)
            with right:
                chart(run, "loss", "Cross-entropy", state)
        terms(run, state)
        swap_chart(run)
        audit_strip(run, live=state in ACTIVE)
        layer_charts(run)
        if read_result(run) is not None:
            if not without_labels(run):
                chrome.go("examine", "Examine its mistakes and where it looks")
            show_ledger(run, f"ledger:{run.id}")
        with st.expander("Specification"):
            st.json(run.spec.to_json(), expanded=False)
        show_technique(run.spec)
        show_asked(run.spec)
