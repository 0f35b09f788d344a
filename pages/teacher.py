"""Teacher: who is in the room, who runs what; a pause, a stop, a name that is freed."""

from collections import Counter

import streamlit as st

from tltk.dashboard import chrome, permitted, room
from tltk.dashboard.words import plain
from tltk.jobs import executor, queue
from tltk.runs.run import Run


def switch() -> None:
    """A callback, since it runs before all else."""
    permitted.check_teacher("The queue is paused")
    queue.pause(st.session_state["teacher:pause"])


def stop(run_id: str) -> None:
    """A callback likewise."""
    permitted.cancel(run_id)


def free(here: room.Room, name: str) -> None:
    """A callback likewise."""
    permitted.check_teacher("A name is freed")
    here.free(name)


@st.fragment(run_every=2.0)
def jobs() -> None:
    """The pause, and every job in the order in which they go."""
    st.session_state["teacher:pause"] = queue.is_paused()
    st.toggle(
        "Pause the queue",
        key="teacher:pause",
        on_change=switch,
        help="No training begins until you switch it off, or the room closes. Those that run go on, and questions are "
        "answered.",
    )
    every = queue.jobs()
    if not every:
        st.caption("Nothing runs and nothing waits.")
    for job in every:
        who, what, button = st.columns([1, 5, 1], vertical_alignment="center")
        who.markdown(f"**{plain(job.person or 'the shell')}**")
        run = Run.at(job.run)
        what.markdown(plain(f"{chrome.title_of(run)} — {executor().state(run.id)}"))
        is_asked = bool(job.cancelled)
        button.button(
            "Stopping …" if is_asked else "Stop",
            key=f"teacher:{run.id}",
            on_click=stop,
            args=(run.id,),
            disabled=is_asked,
            width="stretch",
        )


def people(here: room.Room) -> None:
    """Who is here, and how much of theirs runs, waits and is done."""
    running = Counter(job.person for job in queue.jobs() if job.state == "running")
    waiting = Counter(job.person for job in queue.jobs() if job.state == "queued")
    asked = Counter(name for names in queue.askers().values() for name in names)
    rows = [
        {
            "name": one.name,
            "teacher": one.is_teacher,
            "running": running[one.name],
            "waiting": waiting[one.name],
            "asked in all": asked[one.name],
        }
        for one in here.people()
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    names = [one.name for one in here.people() if not one.is_teacher]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox("A name to free", names, index=None, placeholder="Choose a name", key="teacher:name")
    right.button(
        "Free it",
        disabled=name is None,
        on_click=free,
        args=(here, name),
        width="stretch",
        help="Whoever has it must join again; the name can then be taken from another browser. Runs stay.",
    )


LEAD = "Everything that runs or waits in this room, by turns: one run of each person, then the next of each."

with chrome.page("Teacher", LEAD):
    permitted.check_teacher("This page is seen")
    here = room.now()
    if here is not None:
        with st.container(border=True):
            jobs()
        with st.container(border=True):
            st.markdown("**Who is here**")
            people(here)
