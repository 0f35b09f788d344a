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
from tltk.data.sources.csv import divide_text
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


def list_folder(path: Path) -> tuple[list[str], int]:
    """Names of the folders in a folder, without those that begin with a dot, and how many files there are.

    Raises:
        BadSpec: It lies outside the permitted folders, or cannot be read.
    """
    _check_path(str(path))
    names, files = [], 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    names.append(entry.name)
                else:
                    files += 1
    except OSError as fault:
        raise BadSpec(f"A folder must be one that can be read. {str(path)!r} cannot: {fault.strerror}.") from None
    return sorted(names, key=str.casefold), files


def paths(value: Any) -> Iterator[str]:
    """Every path that a spec, or a name in one, has this machine read."""
    if isinstance(value, Spec):
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            inner = getattr(value, field.name)
            if field.name in ("picture", "file") and inner and isinstance(inner, str):
                yield inner
            elif field.name == "paths":  # words that may be plain paths
                yield from (path for word in inner for path in _paths_of_word(word))
            else:
                yield from paths(inner)
    elif isinstance(value, tuple):
        for one in value:
            yield from paths(one)
    elif isinstance(value, str):
        kind, colon, path = value.partition(":")
        if colon and kind in PATHS and path.strip():
            yield from _readings(kind, value)
        elif colon and kind in domains:  # which may be made of another one, such as grey:folder:PATH
            yield from paths(path)
        elif "@" in value:  # a network with its weights, such as resnet18@file:PATH
            yield from paths(value.partition("@")[2])


def _paths_of_word(word: str) -> list[str]:
    """The paths in a word of a prediction; one that begins like no domain is a path itself."""
    kind = word.partition(":")[0]
    return list(paths(word)) if kind in domains or _bare(word) in domains else [word]


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


def _check_path(path: str) -> None:
    known = roots(st.get_option("server.address"))
    own = (home.folder("pictures"), home.folder("exports"))  # what was brought along, and what is to be taken along
    if not any(_is_below(path, root) for root in (*known, *own)):
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


def _lexical(path: Path) -> Path:
    """The absolute path without its dots; links are not followed, and nothing is looked up."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def submit(spec: Spec, *, again: bool = False) -> Run:
    """Queue what a page asks for; pages queue nothing in any other way. Equal questions are one run.

    Raises:
        BadSpec: It names a path outside the permitted folders, or this visit is limited to a lesson's run.
        RunProblem: This visitor has as many questions waiting as one may have; what was found is another's, who has
            not asked to begin again.
    """
    check(spec)
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
