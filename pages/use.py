"""Use: a finished training predicts on new pictures, is tested on other domains, and is handed over."""

import streamlit as st

from tltk.analyses.trained import TrainedRun, open_training
from tltk.dashboard import chrome, evaluate_view, hand_over_view, plan, predict_view
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

SECTIONS = ("Predict", "Evaluate", "Hand over")
SECTION = "use:section"


def nothing_yet() -> None:
    """What will be here, and where to begin."""
    chrome.empty_state(
        "**No training is done yet.** One that is can name the class of what is new, be tested on other domains, and "
        "leave this dashboard as a file.",
        "workbench",
        "See transfer happen",
    )


def not_usable(asked: str) -> None:
    """Why a link's run is not in the menu: it has not finished, or kept no weights."""
    run = chrome.find_run(TransferSpec, asked)
    if run is None:
        chrome.report_absent(asked)
        return
    st.info(f"Run {run.id} cannot be used: a training must be done and have its weights. It is {run.status.state}.")
    chrome.go("train", "Open it on Train")


def opened(run: Run) -> TrainedRun | None:
    """The training where it names classes; else the sentence that says why not."""
    try:
        return open_training(run.id)
    except TltkError as fault:
        st.info(plain(fault))
        return None


LEAD = "A finished training at work: what it says of new examples, figures on other domains, files to take along."

with chrome.page("Use", LEAD):
    run = chrome.choose(TransferSpec, "use:run", nothing_yet, not_usable, states=["done"], weights=True)
    if run is not None:
        section = st.segmented_control(
            "Section", SECTIONS, label_visibility="collapsed", **plan.hold(SECTION, SECTIONS[0])
        )
        with st.container(border=True):
            if plan.held(SECTION) == "Hand over":
                hand_over_view.show(run)
            elif (trained := opened(run)) is not None:
                (predict_view if plan.held(SECTION) == "Predict" else evaluate_view).show(trained)
