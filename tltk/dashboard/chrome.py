"""What surrounds a page: its title, its errors as sentences, what to say when there is nothing, the job bar."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import msgspec
import streamlit as st

from tltk import __version__, home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import notify, permitted, plan, room, waiting_list
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.jobs import executor, listing
from tltk.jobs import queue as table
from tltk.lessons import lessons
from tltk.runs import index, sync
from tltk.runs.index import RunEntry
from tltk.runs.run import ACTIVE, Run, Status
from tltk.specs.knobs import Spec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

PAGES = (
    "workbench",
    "lessons",
    "domains",
    "design",
    "train",
    "examine",
    "curves",
    "negative",
    "studies",
    "layers",
    "shift",
    "choose",
    "use",
    "weights",
    "runs",
)
WITH_A_LESSON = ("lessons", "train", "examine", "curves", "studies", "layers", "shift", "choose", "domains", "weights")
IN_A_ROOM = ("board", "teacher")  # the second for the teacher alone
MENU = 500  # runs in a menu; more take long to send and nobody looks through them
SIGNS = {"waiting": "◷", "running": "▶", "done": "✓", "stopped": "■", "failed": "✕"}


@contextmanager
def page(title: str, lead: str, *, quiet: bool = False) -> Iterator[None]:
    """A page with its title; an error of the user's is shown as its sentence, one of ours with a report.

    Args:
        title: Of the page.
        lead: What it is for, in a sentence below.
        quiet: Read the title out, but do not draw it: the page needs the room.
    """
    with st.container(key="quiet-title") if quiet else nullcontext():
        st.title(title, anchor=False)
    if lead:
        st.markdown(lead)
    plan.plan()  # reads the URL once in a session
    refused = plan.fault()
    if refused:
        st.warning(plain(refused))
    if trouble := sync.trouble():
        st.warning(plain(trouble))
    try:
        with index.one_look():
            yield
    except TltkError as fault:
        st.error(plain(fault))
    except Exception as fault:  # Streamlit's own control flow derives from BaseException's other branch
        if type(fault).__module__.startswith("streamlit"):
            raise
        st.error("Internal error in tltk. Your runs and files are safe; reload the page to continue.")
        with st.expander("Details for a bug report"):
            st.code(f"tltk {__version__}\n{traceback.format_exc()}")


def empty_state(text: str, page_name: str, link: str) -> None:
    """An empty state: what will be here, and where to begin.

    Args:
        text: What will be here, in Markdown.
        page_name: Page on which to begin.
        link: Text of the link to it.
    """
    with st.container(border=True):
        st.markdown(text)
        go(page_name, link)


def go_to_run(page_name: str, text: str, run: Run, key: str) -> None:
    """A button that opens another page of ours on this run.

    Args:
        page_name: The page.
        text: What the button says.
        run: What is shown there.
        key: Of the widget.
    """
    if st.button(text, key=key, type="tertiary", icon=":material/arrow_forward:"):
        plan.choose_run(run.id)
        open_page(page_name)


def go(page_name: str, text: str) -> None:
    """A link to another page of ours, which keeps the plan and the chosen run; nothing where that page is closed."""
    if page_name in pages():
        st.page_link(pages()[page_name], label=text)


def pages() -> dict[str, Any]:
    """The pages by name, as the router made them for this session."""
    found: dict[str, Any] = plan.flag("pages")
    return found


def open_pages() -> list[str]:
    """The pages of this visit: all, or the one of the lesson that a link limits it to, and those that show its run.

    Pages that change the plan, delete runs or hand them on are closed then.
    """
    lesson = plan.locked()
    if lesson is None:
        return list(PAGES)
    shown = {see.page for one in lessons() if one.name == lesson for see in one.see}
    return ["lessons", *(name for name in WITH_A_LESSON if name in shown)]


def open_page(page_name: str) -> None:
    """Go to another page of ours, unless it is closed."""
    if page_name in pages():
        st.switch_page(pages()[page_name])


def title_of(run: Run | RunEntry) -> str:
    """A run in a few words: sign, its name where it has one, kind, target, network, id."""
    if isinstance(run, Run):
        run = msgspec.structs.replace(RunEntry.of(run), state=executor().state(run.id))
    return " ".join(filter(None, [SIGNS.get(run.state, ""), run.name and f"{run.name} ·", _asks_for(run)]))


def _asks_for(run: RunEntry) -> str:
    end = f" · {run.id[:6]}"
    if run.kind == DescribeSpec.kind:
        return f"layers of {run.backbone}{end}"
    if run.kind == InspectSpec.kind:
        return f"look at {short(run.target)}{end}"
    if run.kind == ImportWeightsSpec.kind:
        return f"check of {short(run.weights)}{end}"
    target = f"{short(run.target)}{f', {run.shots} per class' if run.shots else ''}"
    if run.kind == CompareSpec.kind:
        return f"scratch vs transfer · {short(run.source or run.weights)} → {target}{end}"
    if run.kind == TransferSpec.kind:
        name = f"{run.strategy.replace('_', ' ')} from layer {run.boundary}"
        return f"{name} · {target} · lr {run.lr:g} · seed {run.seed}{end}"
    return f"{run.kind} · {short(run.target)}{end}"


def short(name: str) -> str:
    """A domain's or weights' name without its folders."""
    kind, colon, rest = name.partition(":")
    return f"{kind}:{rest.replace(chr(92), '/').rstrip('/').rpartition('/')[2]}" if colon else name.replace("_", " ")


def menu(asked: str = "", **wanted: Any) -> dict[str, RunEntry]:
    """The newest runs of those that are wanted, by id, for a menu; and the one that is asked for, however old.

    Args:
        asked: The first digits of its id; "" = none.
        **wanted: Of a `tltk.runs.index.Query`.
    """
    found = {entry.id: entry for entry in own(listing.runs(**wanted, limit=0 if room.now() else MENU))[:MENU]}
    if asked and not any(name.startswith(asked) for name in found):
        found |= {entry.id: entry for entry in listing.runs(**wanted, begins=asked, limit=1)}
    return found


def own(entries: list[RunEntry]) -> list[RunEntry]:
    """Of these runs those of whoever looks at the page, with what their studies started; all where there is no room."""
    person = room.me()
    if room.now() is None or (person is not None and person.is_teacher):
        return entries
    mine = table.asked_for_by(person.name) if person is not None else set()
    mine |= {child for entry in index.find() if entry.id in mine for child in entry.children.split()}
    return [entry for entry in entries if entry.id in mine]


def find_run(kind: type[Spec], asked: str) -> Run | None:
    """The run of this kind whose id begins so, if there is one."""
    found = index.find(kinds=[kind.kind], begins=asked, limit=1) if asked else []
    return found[0].run if found else None


def list_trainings(backbone: str) -> list[RunEntry]:
    """The newest finished trainings of this backbone whose weights are there."""
    return list(menu(kinds=[TransferSpec.kind], weights=True, backbone=backbone).values())


def choose(
    kind: type[Spec],
    key: str,
    nothing_yet: Callable[[], None] = lambda: None,
    absent: Callable[[str], None] | None = None,
    **wanted: Any,
) -> Run | None:
    """A selector of runs that follows the URL; None until one is chosen.

    Args:
        kind: Which runs.
        key: Of the widget.
        nothing_yet: Draws what to say where there is no run to choose from.
        absent: Says why the run of a link is none of these; None = `report_absent`.
        **wanted: Of a `tltk.runs.index.Query`: which of this kind.
    """
    asked = plan.chosen_run()
    found = menu(asked or "", kinds=[kind.kind], **wanted)
    ids = list(found)
    place = next((i for i, name in enumerate(ids) if asked and name.startswith(asked)), None)
    is_absent = place is None and bool(asked) and plan.by_link()
    told = st.container()
    if not is_absent:
        place = place or 0
    if not found:
        run_id = None
        nothing_yet()
    else:
        run_id = _select(found, place, key)
    if run_id is None:
        if is_absent and asked:
            with told:
                (absent or report_absent)(asked)
        return None
    if run_id != asked or not plan.by_link():  # a link within the app leaves the run out of the URL
        plan.choose_run(run_id)
    return found[run_id].run


def _select(found: Mapping[str, RunEntry], place: int | None, key: str) -> str | None:
    """The menu of runs; none is chosen where `place` is None."""
    ids = list(found)
    held = "none" if place is None else ids[place]
    run_id: str | None = st.selectbox(
        "Run", ids, place, format_func=lambda i: title_of(found[i]), key=f"{key}:{held}", placeholder="Choose a run"
    )
    if len(ids) >= MENU:
        st.caption(f"The newest {MENU} are in this menu. Older ones can be searched for and opened on Runs.")
    return run_id


def report_absent(asked: str, advice: str = "Choose another run below.") -> None:
    """Say that a link's run cannot be shown, rather than to show another as if it were meant.

    Args:
        asked: Its id, as the link has it.
        advice: What to do where it is not here at all.
    """
    other = next(iter(index.find(trains=True, begins=asked, limit=1)), None)
    if other is None:
        st.warning(
            f"Run {plain(asked[:80])} is not here: it was deleted, or made on another machine. {advice}",
            icon=":material/link_off:",
        )
        return
    name, what = page_of(other.kind), {"curves": "a comparison", "train": "a training"}
    st.info(f"Run {other.id} is {what.get(name, f'a study of kind {other.kind}')}, which this page does not show.")
    go(name, f"Open it on {name.capitalize()}")


def page_of(kind: str) -> str:
    """The page that shows trainings or studies of this kind."""
    return {TransferSpec.kind: "train", CompareSpec.kind: "curves"}.get(kind, "studies")


def stop_button(run: Run, state: str, key: str) -> None:
    """Shown while the run waits or trains; the bar below then needs none for it.

    Args:
        run: What the button stops.
        state: Of the run, as the executor tells it; the button is drawn while it is one of `ACTIVE`.
        key: Of the widget.
    """
    if state in ACTIVE:
        plan.flag("stop:shown", run.id)
        asked = is_asked_to_stop(run)
        st.button(
            "Stopping …" if asked else "Stop training",
            key=f"{key}:stop",
            icon=":material/stop:",
            on_click=_stop,
            args=(run.id,),
            disabled=asked,
        )


def is_asked_to_stop(run: Run) -> bool:
    """Whether somebody has asked it to stop, and it is about to."""
    return run.stop_file.exists()


def _stop(run_id: str) -> None:
    """A callback, since it runs before all else: what makes the page run again cannot swallow the click."""
    try:
        permitted.cancel(run_id)
    except TltkError as fault:
        st.toast(plain(fault))
        return
    st.toast("Stopping; you can resume it later.")


def note_end() -> str:
    """Which job has ended since the last run of the page, in words for a toast and the tab's title; "" = none.

    The first job of the queue is remembered until another has its place.
    """
    now = next((Run.at(job.run).id for job in table.jobs() if not job.light), "")
    before = plan.flag("jobs:first") or ""
    plan.flag("jobs:first", now)
    if not before or before == now:
        return ""
    with suppress(TltkError):
        permitted.check_owner(before)
        run = Run.at(before)
        state = executor().state(run.id)
        if state not in ACTIVE:
            return (
                f"{SIGNS.get(state, '')} {state.capitalize()}: {run.label.name or _asks_for(RunEntry.of(run))}".strip()
            )
    return ""


def time_left(status: Status) -> str:
    """` · about 40 s left`, if it goes on as it went; "" where nothing is done yet, or next to nothing is left."""
    left = status.seconds / status.epoch * (status.epochs - status.epoch) if status.epoch and status.epochs else 0.0
    if left < 1:
        return ""
    return f" · about {left:.0f} s left" if left < 100 else f" · about {left / 60:.0f} min left"


@st.fragment(run_every=2.0)
def _bar() -> None:
    jobs = [job for job in table.jobs() if not job.light]
    if not jobs:
        if plan.flag("jobs:seen"):
            plan.flag("jobs:seen", False)
            st.rerun()
        return
    plan.flag("jobs:seen", True)
    first = Run.at(jobs[0].run).id
    if plan.flag("jobs:first") not in (None, "", first):  # one has ended and another begins: the page tells it
        st.rerun()
    run, waiting = Run.at(jobs[0].run), len(jobs) - 1
    status, state = run.status, executor().state(run.id)
    left, middle, beside, right = st.columns([7, 2, 2, 2] if waiting else [9, 0.1, 2, 2], vertical_alignment="center")
    with beside:
        notify.bell("jobs:notify")
    share = min(status.epoch / status.epochs, 1.0) if status.epochs else 0.0
    asked = is_asked_to_stop(run)
    does = status.message or "training"
    if state not in ACTIVE or asked:
        does = {"done": "done", "failed": "failed"}.get(state, "stopped" if state == "stopped" else "stopping")
    done = f"({status.epoch} of {status.epochs or '…'}){time_left(status) if state == 'running' and not asked else ''}"
    paused = " · paused by the teacher" if table.is_paused() else ""
    left.progress(share, text=f"{plain(title_of(run))} — {plain(does)} {done}{_machine(status)}{paused}")
    if waiting:
        with middle.popover(f"{waiting} waiting", width="stretch"):
            _waiting([Run.at(job.run) for job in jobs if job.state == "queued" and job.run != run.id])
    if state in ACTIVE and not asked and plan.flag("stop:shown") != run.id and permitted.may_change(run.id):
        right.button("Stop training", key="jobs:stop", width="stretch", on_click=_stop, args=(run.id,))


def _machine(status: Status) -> str:
    """On which device it runs, and how much room there is on the disk."""
    device = f" · on {plain(status.device)}" if status.device else ""
    try:
        free = shutil.disk_usage(home.home()).free
    except OSError:
        return device
    return f"{device} · {free / 1e9:.0f} GB of disk free"


def _waiting(runs: list[Run]) -> None:
    """What waits, in its order; that of one's own can be changed. A teacher has everybody's, a list for each person."""
    own = [run for run in runs if permitted.may_change(run.id)]
    if len(own) < len(runs):
        st.caption(f"{len(runs) - len(own)} of them are others'. People take turns; below are yours.")
    people: dict[str, list[Run]] = {}
    for run in own:
        people.setdefault(job.person if (job := table.find(run.id)) else "", []).append(run)
    for person, theirs in people.items():
        if len(people) > 1:
            st.markdown(f"**{plain(person or 'The shell')}**")
        rows = [waiting_list.Row(id=run.id, title=title_of(run)) for run in theirs]
        key = f"jobs:waiting:{person}"
        waiting_list.waiting_list(rows, key=key, label="Runs that wait, the next first", on_moved=_move, on_off=_stop)


def _move(run_id: str, before: str | None) -> None:
    """A callback, since it runs before all else."""
    try:
        is_moved = permitted.move(run_id, before)
    except TltkError as fault:
        st.toast(plain(fault))
        return
    if not is_moved:
        st.toast("Its place is what it was: the queue has moved on meanwhile.")


def job_bar() -> None:
    """What runs now, on every page, while anything runs; a question has its own line where it was asked."""
    if any(not job.light for job in table.jobs()):
        with st.bottom:
            _bar()
