"""Start: one click to a true comparison, trained there and then."""

import dataclasses

import streamlit as st

from tltk.dashboard import chrome, permitted, plan
from tltk.dashboard.asked import show_asked
from tltk.dashboard.verdict_view import live_arms, show_verdict
from tltk.runs.run import Run
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import n_trainings

TARGETS = {
    "blended_digits": "handwritten digits on photo backgrounds",
    "digits": "handwritten digits, plain",
}


def choose_plan() -> CompareSpec:
    """The first plan with the choices of this page."""
    left, middle, right = st.columns(3)
    target = left.selectbox("Target", list(TARGETS), format_func=TARGETS.__getitem__, key="start:target")
    shots = middle.select_slider("Labels per class", [2, 5, 10, 20], plan.FIRST.target.shots, key="start:shots")
    seed = right.number_input("First seed", 0, 10_000, 0, key="start:seed", help="Another seed labels other pictures.")
    data = dataclasses.replace(plan.FIRST.target, name=target, shots=shots)
    return dataclasses.replace(plan.FIRST, target=data, first_seed=seed)


def first_minute(shown: Run | None) -> None:
    """The question, one click to its answer, and the comparison that was chosen."""
    with st.container(border=True):
        st.markdown(
            "**The question.** A network first learns to read *rendered* digits, which can be generated without limit. "
            "Does that help it to read another kind of digits, of which only a few are labelled?"
        )
        spec = choose_plan()
        columns = st.columns([2, 3], vertical_alignment="center")
        if columns[0].button("See transfer happen", type="primary", icon=":material/play_arrow:", width="stretch"):
            run = permitted.submit(spec)
            plan.put(spec)
            plan.choose_run(run.id)
            st.rerun()
        columns[1].caption(
            f"{n_trainings(spec)} short trainings: the source network, a search for each arm's learning rate, then "
            f"{spec.seeds} seeds for each arm. About a quarter of a minute on two cores."
        )

    if shown is None:
        st.markdown(
            "You will see three kinds of curves grow: the source network's, the search for a fair learning rate, and "
            "the two arms. Then a sentence says whether transfer helped, with its interval, or that the runs "
            "cannot tell."
        )
    else:
        live_arms(shown, key="start")
        show_verdict(shown)
    show_asked(spec if shown is None else shown.spec)

    st.divider()
    st.subheader("Then make it yours", anchor=False)
    one, two, three = st.columns(3)
    with one:
        st.markdown("**Your own pictures.** A folder with one folder per class is a domain.")
        chrome.go("design", "Design a transfer")
    with two:
        st.markdown("**Where to freeze?** Drag the boundary across the layers and see what it costs.")
        chrome.go("design", "Drag the boundary")
    with three:
        st.markdown("**Earlier runs.** Every run is a folder that can be opened, copied and exported.")
        chrome.go("runs", "Open the runs")


with chrome.page(
    "See what transfers",
    "A network is trained for one task and reused for another. Does that help? Train one network **from scratch** and "
    "one that starts from a **source network**, with the same budget, and compare. Everything below is trained on this "
    "machine, now.",
):
    run_id = plan.chosen_run()
    shown = chrome.find_run(CompareSpec, run_id or "")
    if shown is None and run_id and plan.by_link():  # a link to what is not here says so and shows nothing else
        chrome.report_absent(run_id, "Begin anew, or choose one on Runs.")
        st.button("Begin anew", on_click=plan.choose_run, args=(None,))
    else:
        first_minute(shown)
