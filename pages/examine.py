"""Examine: what a finished training gets wrong, where it looks, and what is amiss with its labels and pictures."""

import streamlit as st

from tltk.analyses.trained import open_training
from tltk.dashboard import chrome, examine_view, plan
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.specs.training import TransferSpec

QUESTION = "examine:question"


def nothing_yet() -> None:
    """What will be here, and where to begin."""
    chrome.empty_state(
        "**Nothing has been trained yet.** Of a training that is done this page shows its most confident mistakes, "
        "where in pictures it looks, labels that are likely wrong, and copies among its pictures.",
        "workbench",
        "See transfer happen",
    )


LEAD = "What a finished training gets wrong and where it looks, labels that are likely wrong, and copies."

with chrome.page("Examine", LEAD):
    run = chrome.choose(TransferSpec, "examine:run", nothing_yet)
    if run is not None:
        try:
            trained = open_training(run.id, classes=False)
        except TltkError as fault:
            st.info(plain(fault))
            chrome.go("train", "Open it on Train")
        else:
            questions = examine_view.questions(trained)
            name = QUESTION if questions == examine_view.QUESTIONS else f"{QUESTION}:unlabelled"
            st.segmented_control("Question", questions, label_visibility="collapsed", **plan.hold(name, questions[0]))
            with st.container(border=True):
                examine_view.show(trained, plan.held(name))
