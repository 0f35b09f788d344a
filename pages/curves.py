"""Curves: scratch against transfer with bands, and the verdict."""

import streamlit as st

from tltk.dashboard import chrome, study_view
from tltk.dashboard.asked import show_asked, show_technique
from tltk.dashboard.verdict_view import live_arms, show_curves, show_verdict
from tltk.jobs import executor
from tltk.runs.run import ACTIVE
from tltk.studies.compare.spec import CompareSpec

QUANTITIES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "loss": "Cross-entropy"}
MEANS = (
    "Accuracy: the share of examples that are right. Macro-F1: for each class, how many of its examples are found and "
    "how many of those named so are right, then the mean over classes, so that a small one counts as much. "
    "Cross-entropy: how little the network expected the right answers; lower is better."
)
OVER = (
    "What both arms have spent. An epoch is one pass over the training examples, a step one change of the weights; "
    "FLOPs are the sums and products that were computed."
)
AXES = {"step": "Steps", "epoch": "Epochs", "images": "Examples", "seconds": "Seconds", "gflops": "FLOPs"}


def nothing_yet() -> None:
    """What will be here, and where to begin."""
    chrome.empty_state(
        "**No comparison yet.** It takes a quarter of a minute on two cores: both arms are trained here, each with a "
        "learning rate of its own.",
        "workbench",
        "See transfer happen",
    )


LEAD = (
    "Scratch against transfer at the same budget: mean over seeds, 95% band, each seed, and the verdict. A seed is "
    "one training with a random start of its own."
)

with chrome.page("Curves", LEAD):
    run = chrome.choose(CompareSpec, "curves:run", nothing_yet)
    if run is not None:
        live_arms(run, key="curves")
        state = executor().state(run.id)
        chrome.stop_button(run, state, "curves")
        show_verdict(run)
        if state == "done" and run.result() is not None:
            study_view.downloads(run, "curves")
        if state not in ACTIVE:
            left, right = st.columns(2)
            name = left.segmented_control(
                "Quantity", QUANTITIES, format_func=QUANTITIES.__getitem__, default="macro_f1", help=MEANS
            )
            x = right.segmented_control("Over", AXES, format_func=AXES.__getitem__, default="seconds", help=OVER)
            show_curves(run, f"curves:more:{run.id}", name or "macro_f1", x or "seconds")
        show_technique(run.spec)
        show_asked(run.spec)
