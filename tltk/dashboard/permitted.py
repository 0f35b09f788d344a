"""What a page may ask of this machine: files below `TLTK_ROOTS`, so many questions at once. The shell is not limited.

Whoever can open the dashboard can type any path into it, or into a link. Where only this machine reaches the
server, the user's home and the folder where it was started are open unless `tltk app --root` or TLTK_ROOTS says
otherwise; where others reach it, only what these name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from tltk import home
from tltk.dashboard import plan, room
from tltk.data import domains
from tltk.data.corrupt import split
from tltk.data.sources.csv import divide_text, survey
from tltk.errors import BadSpec, RunProblem, TltkError
from tltk.jobs import choice, executor, queue
from tltk.lessons import find
from tltk.runs import index
from tltk.runs.run import Run
from tltk.serving.hosts import is_loopback
from tltk.specs.knobs import Spec
from tltk.specs.reading import PATHS, with_absolute_paths

MOST_WAITING = 20  # questions of one visitor
_locks: dict[str, threading.Lock] = {}


def roots(address: str | None) -> list[Path]:
    """The folders that pages of a server at this address may read.

    Args:
        address: Where it listens; None = everywhere.
    """
    named = os.environ.get("TLTK_ROOTS")
    if named is not None:
        return [Path(text).expanduser().absolute() for text in named.split(os.pathsep) if text.strip()]
    if not is_loopback(address) or room.now() is not None:
        return []
    found = [Path.cwd()]
    with contextlib.suppress(RuntimeError):  # a user without a home
        found.insert(0, Path.home())
    return found


def open_roots() -> list[Path]:
    """The folders that pages may read and that are there, for a browser of folders."""
    found = [root.resolve() for root in roots(st.get_option("server.address"))]
    return [root for root in dict.fromkeys(found) if root.is_dir()]


def list_folder(path: Path) -> tuple[list[str], int, int]:
    """What lies in a folder, without names that begin with a dot.

    Returns:
        Names of its folders, how many files there are, and how many links lead out of the permitted folders, which are
        among neither.

    Raises:
        BadSpec: It lies outside the permitted folders, or cannot be read.
    """
    _check_path(str(path))
    names, files, out = [], 0, 0
    open_to_pages = _resolved_roots()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink() and not _leads_into(entry.path, open_to_pages):
                    out += 1
                elif entry.is_dir():
                    names.append(entry.name)
                else:
                    files += 1
    except OSError as fault:
        raise BadSpec(f"A folder must be one that can be read. {str(path)!r} cannot: {fault.strerror}.") from None
    return sorted(names, key=str.casefold), files, out


def paths(value: Any) -> Iterator[str]:
    """Every path that a spec, or a name in one, has this machine read."""
    for kind, text in _named(value):
        yield from _readings(kind, text) if kind else (text,)


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """What a spec, or a name in one, has this machine read: ("csv", "csv:PATH?root=PATH"), or ("", PATH)."""
    if isinstance(value, Spec):
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            inner = getattr(value, field.name)
            if field.name in ("picture", "file") and inner and isinstance(inner, str):
                yield from () if inner.startswith("run:") else [("", inner)]  # of word vectors that a run keeps
            elif field.name == "paths":  # words that may be plain paths
                for word in inner:
                    is_domain = word.partition(":")[0] in domains or _bare(word) in domains
                    yield from _named(word) if is_domain else [("", word)]
            else:
                yield from _named(inner)
    elif isinstance(value, tuple):
        for one in value:
            yield from _named(one)
    elif isinstance(value, str):
        kind, colon, path = value.partition(":")
        if kind == "vectors" and path.startswith("run:"):
            return
        if colon and kind in PATHS and path.strip():
            yield kind, value
        elif colon and kind in domains:  # which may be made of another one, such as grey:folder:PATH
            yield from _named(path)
        elif "@" in value:  # a network with its weights, such as resnet18@file:PATH
            yield from _named(value.partition("@")[2])


def _readings(kind: str, name: str) -> set[str]:
    """Every path that a name may mean: with and without what looks like a corruption, or like settings of a table."""
    found = {one.partition(":")[2].strip() for one in (name, _bare(name))}
    if kind in ("sound", "text", "table"):  # what looks like dials may be part of a name
        found |= {text.partition("?")[0] for text in found}
    if kind != "csv":
        return found
    for text in list(found):
        with contextlib.suppress(TltkError, RuntimeError):  # what cannot be meant, an unknown user: refused elsewhere
            path, settings = divide_text(text)
            found |= {path, str(Path(path).parent / Path(settings.get("root", "")).expanduser())}
    return found


def _bare(name: str) -> str:
    """The name without the corruption that may follow."""
    try:
        return split(name)[0]
    except TltkError:
        return name


def check(spec: Spec) -> None:
    """Refuse what lies outside the permitted folders, links followed.

    Raises:
        BadSpec: A path that leads elsewhere.
    """
    for path in paths(spec):
        _check_path(path)


def _own_folders() -> tuple[Path, Path]:
    """What was brought along, and what is to be taken along."""
    return home.folder("pictures"), home.folder("exports")


def _check_path(path: str) -> None:
    known = roots(st.get_option("server.address"))
    if not any(_is_below(path, root) for root in (*known, *_own_folders())):
        shown = ", ".join(map(str, known)) or "none"
        raise BadSpec(
            f"A page may read only below the folders that TLTK_ROOTS names, here: {shown}. Got {path!r}. "
            f"Start the dashboard with `tltk app --root FOLDER` to open others, or ask from the shell, which is "
            f"not limited."
        )


def _is_below(path: str, root: Path) -> bool:
    """By its words first, so that a share on another machine is not even asked for; then with links followed."""
    try:
        lexical = _lexical(Path(path).expanduser())
        real = root.resolve()
        if not any(lexical == place or place in lexical.parents for place in (_lexical(root), real)):
            return False
        found = lexical.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, an unknown user, a null byte
        return False
    return found == real or real in found.parents


def _resolved_roots() -> list[Path]:
    return [root.resolve() for root in (*roots(st.get_option("server.address")), *_own_folders())]


def _leads_into(path: str | Path, roots: list[Path]) -> bool:
    """Whether a path ends below one of these folders, links followed.

    Args:
        path: Of a file, a folder or a link.
        roots: Folders whose own links are resolved.
    """
    real = Path(os.path.realpath(path))  # which has no fault where links go round
    return any(real == root or root in real.parents for root in roots)


def _check_links(spec: Spec) -> None:
    """Refuse folders and tables with a link that leads out of the permitted folders: readers follow links.

    Looked at when something is queued, and not for each drawing of a page: every name below a folder is.

    Raises:
        BadSpec: There is such a link.
    """
    known = _resolved_roots()
    if Path(os.sep) in known:  # nothing lies outside
        return
    for kind, name in _named(spec):
        found = (
            _links_of_table(name) if kind == "csv" else _links_below(_readings(kind, name) if kind else {name}, known)
        )
        link = next((one for one in found if not _leads_into(one, known) and one.exists()), None)
        if link is not None:
            raise BadSpec(
                f"What a page reads must hold no link that leads out of the folders that TLTK_ROOTS names. "
                f"{str(link)!r} does. Remove it, open the folder where it leads with `tltk app --root FOLDER`, or ask "
                f"from the shell, which is not limited."
            )


def _links_below(folders: set[str], roots: list[Path]) -> Iterator[Path]:
    """Every link below these folders, and below those within the roots to which links lead.

    Args:
        folders: What is no folder, or is not there, has none.
        roots: Folders whose own links are resolved.
    """
    seen: set[str] = set()
    stack = [os.path.realpath(Path(folder).expanduser()) for folder in folders]
    while stack:
        here = stack.pop()
        if here in seen:
            continue
        seen.add(here)
        with contextlib.suppress(OSError), os.scandir(here) as entries:  # a file, nothing, or what the reader will tell
            for entry in entries:
                if entry.is_symlink():
                    yield Path(entry.path)
                    if _leads_into(entry.path, roots):
                        stack.append(os.path.realpath(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)


def _links_of_table(name: str) -> Iterator[Path]:
    """The pictures that a table of files lists, in either reading of its name; none where it cannot be read."""
    for one in dict.fromkeys((name, _bare(name))):
        with contextlib.suppress(TltkError):  # which the worker tells
            yield from (picture.path for picture in survey(one.partition(":")[2]).pictures if picture.path is not None)


def _lexical(path: Path) -> Path:
    """The absolute path without its dots; links are not followed, and nothing is looked up."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def submit(spec: Spec, *, again: bool = False) -> Run:
    """Queue what a page asks for; pages queue nothing in any other way. Equal questions are one run.

    Raises:
        BadSpec: It names a path outside the permitted folders, or a folder with a link that leads out of them, or this
            visit is limited to a lesson's run.
        RunProblem: This visitor has as many questions waiting as one may have; what was found is another's, who has
            not asked to begin again.
    """
    check(spec)
    _check_links(spec)
    _check_lesson(spec)
    owner = room.asker()
    with _asking(owner, spec):
        if again:
            _check_theirs(spec)
        run = executor().submit(spec, again=again, timeout=_limit_s(spec))
    if room.now() is not None:
        queue.note_asker(run.id, owner)
    return run


def resume(run: Run) -> Run:
    """Queue a run that stopped once more.

    Raises:
        BadSpec, RunProblem: As for `submit`.
    """
    check(run.spec)
    _check_links(run.spec)
    _check_lesson(run.spec)
    check_owner(run.id)
    with _asking(room.asker(), run.spec):
        return executor().resume(run, timeout=_limit_s(run.spec))


def _check_lesson(spec: Spec) -> None:
    """Refuse other trainings than the lesson's, where a link limits the visit to it."""
    lesson = plan.locked()
    if lesson is not None and spec.trains and not find(lesson).asks(spec):
        raise BadSpec(
            f"The link of this visit opens the lesson {lesson} alone, and only its run can be started. Open the "
            f"dashboard without the link to train something else."
        )


def cancel(run_id: str) -> None:
    """Ask a run to stop.

    Raises:
        RunProblem: It is somebody else's.
    """
    check_owner(run_id)
    executor().cancel(run_id)


def move(run_id: str, before: str | None) -> bool:
    """Give a run that waits another place among those of the same person; whether its place is another now.

    Args:
        run_id: Of the run.
        before: Of the run that shall follow it; None = it shall be the last.

    Raises:
        RunProblem: It is somebody else's.
    """
    check_owner(run_id)
    jobs = {job.run: job for job in queue.jobs() if job.state == "queued"}
    if run_id not in jobs or (before is not None and before not in jobs):
        return False  # one of them has begun, or is gone
    mine = jobs[run_id]
    same = [job.run for job in jobs.values() if (job.person, job.light) == (mine.person, mine.light)]
    others = [run for run in same if run != run_id]
    if before is not None and before not in others:
        return False  # another person's, whose place among these means nothing
    goal = len(others) if before is None else others.index(before)
    return queue.move(run_id, goal - same.index(run_id))


def delete(run_id: str) -> list[str]:
    """Delete a run, with the trainings that it alone has started; they can be put back for a while.

    Returns:
        The ids of all that is gone, the run's first.

    Raises:
        RunProblem: It is somebody else's, or runs.
    """
    check_owner(run_id)
    run = Run.at(run_id)
    own = _own_trainings(run)
    run.delete()
    gone = [run_id]
    for one in own:
        with contextlib.suppress(RunProblem):  # one that is trained by itself at this moment stays
            one.delete()
            gone.append(one.id)
    return gone


def _own_trainings(run: Run) -> list[Run]:
    """Those that a study started, less what another study also needs."""
    own = dict.fromkeys(child.id for child in run.children())
    if not own:
        return []
    others = {child for entry in index.find() if entry.id != run.id for child in entry.children.split()}
    return [Run.at(child) for child in own if child not in others and Run.at(child).path.exists()]


def check_owner(run_id: str) -> None:
    """Refuse that somebody in a room changes what others have asked for. Where there is no room, all is one's own.

    Raises:
        RunProblem: The run is not of whoever looks at the page alone.
    """
    if room.now() is None or is_teacher():
        return
    owner, askers = room.asker(), queue.askers_of(run_id)
    if askers != (owner,):
        others = ", ".join(name for name in askers if name != owner)
        raise RunProblem(
            f"Run {run_id} must be yours alone to be changed. {f'{others} asked for it' if others else 'It is not'}; "
            f"ask the teacher."
        )


def may_change(run_id: str) -> bool:
    """Whether `check_owner` lets whoever looks at this page stop a run."""
    with contextlib.suppress(RunProblem):
        check_owner(run_id)
        return True
    return False


def choose_executor(address: str) -> None:
    """Let new runs go to a Ray cluster, which is asked once whether it is there; those that are queued stay.

    Args:
        address: As in ray://HOST:8265; "" = this machine.

    Raises:
        BadSpec: The shell says where they go, it is no address, nothing answers there, or whoever reaches this server
            may look at the page.
        RunProblem: It is not the teacher of a room; or the cluster does not know us.
    """
    check_teacher("Where new runs go is chosen")
    if room.now() is None and not is_loopback(st.get_option("server.address")):
        raise BadSpec(
            f"Where others reach the dashboard, {choice.CHOICE} must say where new runs go. Set it in the shell that "
            "starts the dashboard, or open a room with `tltk app --room`, whose teacher may choose."
        )
    choice.keep(address)


def check_teacher(what: str) -> None:
    """Refuse what only the teacher of a room may do.

    Args:
        what: Begins the sentence, as in "Weights are removed".

    Raises:
        RunProblem: It is somebody else in a room.
    """
    if room.now() is not None and not is_teacher():
        raise RunProblem(f"{what} by the teacher alone where several people are in a room. Ask them.")


def is_teacher() -> bool:
    """Whether who looks at this page may do everything in its room."""
    person = room.me()
    return person is not None and person.is_teacher


def _check_theirs(spec: Spec) -> None:
    """Refuse to set aside what was found for others."""
    run = Run.at(with_absolute_paths(spec).run_id)
    if run.result() is not None:
        check_owner(run.id)


def _limit_s(spec: Spec) -> float:
    """Seconds that a training in a room may take; 0 = any. Questions have limits of their own."""
    here = room.now()
    return 60 * here.settings.minutes if here is not None and spec.trains else 0.0


@contextlib.contextmanager
def _asking(owner: str, spec: Spec) -> Iterator[None]:
    """Inside, one question more is queued for this person, unless too many of theirs wait."""
    here = room.now()
    most = MOST_WAITING if here is None else here.settings.waiting
    with _locks.setdefault(owner, threading.Lock()):  # of two that are asked at once, the second counts the first
        if queue.n_waiting(owner) >= most and queue.find(with_absolute_paths(spec).run_id) is None:
            raise RunProblem(
                f"At most {most} questions of yours may wait at once. Got one more; wait until some are answered, or "
                f"stop some on Runs."
            )
        with queue.asked_by(owner):
            yield
