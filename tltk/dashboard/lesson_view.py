"""Lessons on the screen: cards, a question that is answered before its run, and what the run says to it."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from tltk.analyses.rank.result import RankResult
from tltk.dashboard import chrome, permitted, plan, room, study_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.plot import plot
from tltk.dashboard.verdict_view import show_curves, state_line
from tltk.dashboard.words import plain
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.lessons import Lesson, find, lessons
from tltk.lessons.outcome import Outcome
from tltk.plots.chart import charts_of
from tltk.plots.learning import idle_of
from tltk.runs.predictions import Prediction
from tltk.runs.run import ACTIVE, Run
from tltk.specs.reading import result_class
from tltk.studies.compare.spec import CompareSpec

OPEN = "lesson:open"  # the lesson of this session, since a link within the app leaves it out of the URL
AGAIN = "lesson:again"  # the lesson whose question is asked anew
CARDS = 3  # side by side


def opened() -> Lesson | None:
    """The lesson that the URL or this session names; one that does not exist is told by `unknown`."""
    asked = plan.locked() or st.query_params.get("lesson") or plan.flag(OPEN)
    found = next((lesson for lesson in lessons() if lesson.name == asked), None)
    if found is not None:
        plan.flag(OPEN, found.name)
    return found


def unknown() -> None:
    """Say that a link's lesson is not here."""
    asked = plan.locked() or st.query_params.get("lesson")
    try:
        find(asked or lessons()[0].name)
    except TltkError as fault:
        st.warning(plain(fault))


def open_lesson(name: str) -> None:
    """Show this lesson from now on; "" = all of them."""
    plan.flag(OPEN, name)
    plan.flag(AGAIN, "")
    if name:
        st.query_params["lesson"] = name
    else:
        st.query_params.clear()


# -- the cards -------------------------------------------------------------------------------------------


def cards() -> None:
    """Every lesson with its question, and what has come of it."""
    known = lessons()
    states = {lesson.name: _standing(lesson) for lesson in known}
    n_done = sum(state.startswith(("✓", "✕", "●")) for state in states.values())
    st.caption(
        f"{n_done} of {len(known)} done. Each takes about a minute on two cores and needs no download. Predict first: "
        "what surprises you is what you learn."
    )
    for first in range(0, len(known), CARDS):
        for lesson, column in zip(known[first : first + CARDS], st.columns(CARDS), strict=False):
            with column, st.container(border=True, height="stretch"):
                title, button = st.columns([5, 2], vertical_alignment="center")
                title.markdown(f"**{lesson.number} · {plain(lesson.title)}**")
                button.button(
                    "Open",
                    key=f"lessons:open:{lesson.name}",
                    width="stretch",
                    on_click=open_lesson,
                    args=(lesson.name,),
                )
                st.markdown(plain(lesson.short))
                st.caption(states[lesson.name] or f"about {_duration(lesson.minutes)}")


def _duration(minutes: float) -> str:
    return f"{minutes:g} minute{'s' * (minutes != 1)}" if minutes >= 1 else f"{60 * minutes:.0f} seconds"


def _standing(lesson: Lesson) -> str:
    """What has come of a lesson, in a few words; "" = nothing yet."""
    run = _predicted_run(lesson)
    if run is None:
        return ""
    if executor().state(run.id) in ACTIVE:
        return "▶ running"
    found, made = _outcome(lesson, run), _prediction(lesson, run)
    if found is None or made is None:
        return "■ not finished"
    if not found.choice:
        return "● done: your run could not tell"
    return "✓ done: as you predicted" if found.choice == made.choice else "✕ done: otherwise than you predicted"


# -- one lesson ------------------------------------------------------------------------------------------


def show(lesson: Lesson) -> None:
    """The lesson: on the left what it is about, on the right its question, then its run."""
    run = None if plan.flag(AGAIN) == lesson.name else _predicted_run(lesson)
    left, right = st.columns([4, 5], gap="medium")
    with left:
        _read(lesson, run is not None)
    with right:
        with st.container(border=True):
            st.markdown(f"**{plain(lesson.question)}**")
            if run is None:
                _ask(lesson)
            else:
                _told(lesson, run)
        if run is not None:
            _run(lesson, run)


def _read(lesson: Lesson, has_run: bool) -> None:
    """What the lesson is about, what to look for and, once there is something to see, where."""
    st.markdown(lesson.text)
    with st.container(border=True):
        st.markdown(f"**What to look for**\n\n{lesson.look}")
        if has_run:
            for see in lesson.see:
                chrome.go(see.page, see.text)
    show_asked(lesson.spec)
    if plan.locked() is None:
        st.button("All lessons", icon=":material/arrow_back:", on_click=open_lesson, args=("",))
    else:
        st.caption(
            "This link opens one lesson. Other pages than those that show its run are closed for this visit, and no "
            "other training can be started."
        )


def _ask(lesson: Lesson) -> None:
    """The answers, the seed, and the button that writes down the prediction and starts the run."""
    texts = {one.name: one.text for one in lesson.choices}
    choice = st.radio(
        "Your prediction",
        list(texts),
        index=None,
        format_func=lambda name: plain(texts[name]),
        key=f"lessons:choice:{lesson.name}",
    )
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    seed = left.number_input(
        "Seed",
        0,
        10_000,
        0,
        key=f"lessons:seed:{lesson.name}",
        help="Another seed draws other first weights and labels other pictures: a run of your own.",
    )
    if right.button(
        "Predict and run", type="primary", icon=":material/play_arrow:", width="stretch", disabled=choice is None
    ):
        _start(lesson, str(choice), int(seed))
    wait = f"The run takes about {_duration(lesson.minutes)} on two cores that have nothing else to do."
    st.caption(wait if choice else f"Choose an answer first. {wait}")


def _start(lesson: Lesson, choice: str, seed: int) -> None:
    """Queue the run, write the prediction beside it, and take its plan."""
    spec = lesson.with_seed(seed)
    try:
        run = permitted.submit(spec)
        late = run.result() is not None
        run.predict(Prediction(lesson.name, choice, _me(), late, time.time()))
        tags = run.label.tags
        run.write_label(tags=tags if lesson.tag in tags else (*tags, lesson.tag))
    except TltkError as fault:
        st.error(plain(fault))
        return
    plan.flag(AGAIN, "")
    plan.adopt(spec)
    plan.choose_run(run.id)
    st.query_params["lesson"] = lesson.name
    st.rerun()


def _predicted_run(lesson: Lesson) -> Run | None:
    """The run of this lesson that is shown: the one that was chosen, else the newest that somebody predicted."""
    found = [run for run in lesson.runs() if _prediction(lesson, run) is not None]
    asked = plan.chosen_run() or ""
    return next((run for run in found if asked and run.id.startswith(asked)), found[0] if found else None)


def _prediction(lesson: Lesson, run: Run) -> Prediction | None:
    """What whoever looks at the page predicted of this run in this lesson."""
    mine = (lesson.name, _me())
    return next((one for one in reversed(run.predictions) if (one.lesson, one.by) == mine), None)


def _me() -> str:
    """Under which name one predicts: that in the room, else none."""
    person = room.me()
    return person.name if person is not None else ""


def _outcome(lesson: Lesson, run: Run) -> Outcome | None:
    """What the run says; None until it is done, or where another version has written its result."""
    try:
        return lesson.outcome(run, plain)
    except RunProblem:
        return None


def _text(lesson: Lesson, choice: str) -> str:
    found = lesson.choice(choice)
    return plain(found.text if found is not None else choice)


def _told(lesson: Lesson, run: Run) -> None:
    """The prediction against the outcome."""
    made, found = _prediction(lesson, run), _outcome(lesson, run)
    if made is None:
        return
    st.markdown(f"You predicted: {_text(lesson, made.choice)}")
    if found is None:
        st.caption("The outcome stands here once the run is done.")
        return
    if not found.choice:
        st.markdown("Your run: **it could not tell.**")
    else:
        agree = found.choice == made.choice
        st.markdown(
            f"Your run: {_text(lesson, found.choice)} **{'✓ as predicted' if agree else '✕ not as predicted'}**"
        )
    st.markdown(found.answer)
    if made.late:
        st.caption("This run had been made before you predicted it.")
    st.button("Predict again, with another seed", on_click=plan.flag, args=(AGAIN, lesson.name))


def _run(lesson: Lesson, run: Run) -> None:
    """The run while it runs; then one's other runs of this lesson, and what to do next."""
    state = state_line(run)
    if state in ACTIVE:
        chrome.stop_button(run, state, "lessons")
        if hasattr(run.spec, "seeds"):
            study_view.live(run, "lessons")
        else:
            _wait(run.id)
    if state == "done":
        _figure(run)
        _others(lesson)
        if plan.locked() is None and st.button("Change one thing on Design and run it again", icon=":material/tune:"):
            plan.adopt(run.spec)
            chrome.open_page("design")


def _figure(run: Run) -> None:
    """What the run found, as the first figure of its own page."""
    if isinstance(run.spec, CompareSpec):
        show_curves(run, f"lessons:curves:{run.id}", "accuracy", "step")
        return
    try:
        found = run.read(result_class(type(run.spec)))
    except RunProblem:  # of another version
        return
    if isinstance(found, RankResult):
        _scores(found)
        return
    charts = charts_of(type(run.spec), found, idle_of(run))
    for chart in charts[:1]:
        plot(chart.figure, key=f"lessons:chart:{run.id}", height=chart.height, alt=chart.alt)
        if chart.caption:
            st.caption(plain(chart.caption))


def _scores(found: RankResult) -> None:
    """Every candidate with its scores, best first."""
    rows = [
        {"network": row.backbone, "weights": row.weights, **{name: row.scores.get(name) for name in found.scores}}
        for row in found.rows
    ]
    st.dataframe(rows, hide_index=True, width="stretch")


@st.fragment(run_every=1.0)
def _wait(run_id: str) -> None:
    """Where a question without trainings stands; the page runs again once it has ended."""
    if executor().state(run_id) not in ACTIVE:
        st.rerun()
    status = Run.at(run_id).status
    share = min(status.epoch / status.epochs, 1.0) if status.epochs else 0.0
    st.progress(share, text=plain(status.message or "It begins …"))


def _others(lesson: Lesson) -> None:
    """Every run of this lesson, where there are several."""
    rows: list[dict[str, Any]] = []
    for run in lesson.runs():
        made, found = _prediction(lesson, run), _outcome(lesson, run)
        if made is not None and found is not None:
            texts = {one.name: one.text for one in lesson.choices}
            said = texts.get(found.choice, "could not tell")
            seed = lesson.seed_of(run.spec)
            rows.append({"seed": seed, "predicted": texts.get(made.choice, made.choice), "outcome": said})
    if len(rows) > 1:
        st.markdown("**Your runs of this lesson**")
        st.dataframe(rows, hide_index=True, width="stretch")
