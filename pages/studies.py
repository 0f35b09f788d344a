"""Studies: many trainings, one answer. Choose a question, launch it on the plan of Design, read what it found."""

import streamlit as st

from tltk.dashboard import chrome, permitted, plan, study_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.verdict_view import state_line
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.runs.run import ACTIVE, Run
from tltk.specs.knobs import Spec

KIND = "studies:kind"


def title(name: str) -> str:
    """A kind of study on its button."""
    return name.replace("_", " ").capitalize()


def choose_kind() -> type[Spec]:
    """The question that is asked: that of the chosen run, else as the user chose."""
    known = study_view.kinds()
    asked = plan.chosen_run()
    linked = next((name for name, kind in known.items() if asked and chrome.find_run(kind, asked)), None)
    if linked is not None:
        plan.keep(KIND, linked)
    bound = plan.hold(KIND, next(iter(known)), changed=lambda: plan.choose_run(None))
    st.segmented_control("Question", list(known), format_func=title, label_visibility="collapsed", **bound)
    kind = known[plan.held(KIND)]
    st.markdown(f"#### {plain(kind.about)}")
    return kind


def new_study(kind: type[Spec]) -> None:
    """Its own fields, what it takes from the plan, how many trainings it needs, and the button."""
    try:
        spec = study_view.ask(kind)
    except TltkError as fault:
        st.warning(plain(fault))
        chrome.go("design", "Domains and network: Design")
        return
    st.caption(study_view.plan_in_words(spec))
    chrome.go("design", "Change these on Design")
    count = study_view.n_trainings(spec)
    if st.button(f"Start {count} trainings", type="primary", icon=":material/play_arrow:", width="stretch"):
        start(spec)
    show_asked(spec)


def start(spec: Spec) -> None:
    """Queue the study and show it; what cannot be meant is told and queues nothing."""
    try:
        run = permitted.submit(spec)
    except TltkError as fault:
        st.error(plain(fault))
        return
    plan.choose_run(run.id)
    st.rerun()


def go_on(run: Run) -> None:
    """A button for each study that this one offers as its next step; what is done is not done again."""
    asked = study_view.follow_ups(run)
    if asked:
        st.markdown("**Settle it**")
    for number, (sentence, spec) in enumerate(asked):
        if st.button(
            plain(sentence), key=f"studies:next:{number}:{run.id}", width="stretch", icon=":material/science:"
        ):
            start(spec)


def earlier(kind: type[Spec]) -> None:
    """The studies of this kind, and the chosen one: while it runs its trainings, then what it found."""

    def nothing_yet() -> None:
        with st.container(border=True):
            st.markdown("**No study of this kind yet.** You will see its trainings while they run, then:")
            st.markdown(
                "- a sentence with the answer, or that the runs cannot tell\n"
                "- a figure with the interval of every value\n"
                "- a table of all figures, what they cost, and files to take along"
            )

    run = chrome.choose(kind, f"studies:{kind.kind}", nothing_yet)
    if run is None:
        _explain(kind)
        return
    state = state_line(run)
    if state in ACTIVE:
        chrome.stop_button(run, state, "studies")
        study_view.live(run, "studies")
    else:
        study_view.show_result(run)
        go_on(run)
        _explain(kind)
        show_asked(run.spec, title="The study that is shown, in Python and as a command")


def _explain(kind: type[Spec]) -> None:
    """What a study does in full, one click away: the line that says it in short stands at the top."""
    with st.expander("What this study does, and whose method it is", icon=":material/function:"):
        st.markdown(study_view.meaning(kind))


LEAD = "Many trainings, one answer with its interval: which technique, how many labels, which layers."

with chrome.page("Studies", LEAD):
    study = choose_kind()
    if plan.locked() is None:
        asked, found = st.columns([2, 5])
        with asked, st.container(border=True):
            new_study(study)
    else:
        found = st.container()
    with found:
        earlier(study)
