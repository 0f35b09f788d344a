"""From this machine's copy of a home to the store: what was written here since. No torch here.

First the rows and the files, last the manifest that names them, so whoever reads one finds what it names, at once or,
where the store shows new objects late, soon. Nothing is ever written over but this writer's own manifest.
"""

from __future__ import annotations

import contextlib
import os
import platform
import random
import time
from pathlib import Path

import msgspec

from tltk import home
from tltk.errors import RunProblem
from tltk.runs import manifest
from tltk.runs.manifest import File, Manifest, Note, Part
from tltk.runs.mirror import (
    Copy,
    Held,
    State,
    Told,
    attempts_in,
    describe,
    holds,
    in_manifest,
    modified,
    own_files,
    read,
    sha,
    state_of,
)
from tltk.runs.objects import Missing
from tltk.runs.run import ACTIVE, EARLIER

SMALL_PARTS, SMALL_PART_BYTES = 32, 1 << 20  # so many parts below so many bytes are written once more as one
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 15.0  # between two sendings of a run that goes on, at first and later
GROWTH = 1 / 60  # of that pause with the age of the run
BEAT_SECONDS = 20.0  # between two signs of life that are sent
HEAVY_SECONDS = 60.0  # between two sendings of a checkpoint, and of the log
GROWS = "log.txt"
CHECKPOINT = "checkpoint.safetensors"


def push(copy: Copy, told: Told | None = None) -> int:
    """Send what has changed here; how many runs that were.

    Args:
        copy: Of the home.
        told: Hears of a run that could not be sent, and why; None = it is raised.
    """
    runs, sent = sorted({*copy.deleted(), *(run for run in copy.here() if copy.has_changed(run))}), 0
    random.shuffle(runs)  # so that one which cannot be sent does not keep back the same others each time
    for run in runs:
        try:
            sent += push_run(copy, run)
        except Exception as fault:  # each file system of fsspec has errors of its own
            if told is None:
                raise
            told(run, fault)
    return sent


def push_run(copy: Copy, run: str, at_once: bool = False) -> bool:
    """Send what has changed of one run; whether there was anything.

    Args:
        copy: Of the home.
        run: Its id.
        at_once: Whether it is sent though it was a moment ago.
    """
    if run in copy.deleted():
        return _push_deletion(copy, run)
    with copy.changing(run) as state:
        now = time.time()
        pause = max(PAUSE_SECONDS, min(GROWTH * (now - state.since), LONGEST_PAUSE_SECONDS)) if PAUSE_SECONDS else 0.0
        is_early = state.told and state.owner == copy.writer and 0 <= now - state.sent < pause
        if is_early and not at_once and state_of(read(copy.runs / run / "status.json")) in ACTIVE:
            return False
        return send(copy, run, state, at_once)


def send(copy: Copy, run: str, state: State, at_once: bool = False) -> bool:
    """Send what has changed of one run, and note it in its state; whether there was anything.

    Args:
        copy: Of the home.
        run: Its id.
        state: Its state, changed here.
        at_once: Whether weights and the log are sent though they were a moment ago.
    """
    folder, mark, now = copy.runs / run, copy.mark(run), time.time()
    if state.owner == "":
        adopt(copy, run, state)
    _claim(copy, run, state, now)
    before = (dict(state.notes), state.stop)
    _note(copy, folder, state, now)
    has_notes = (state.notes, state.stop) != before
    if state.owner != copy.writer:
        if has_notes:
            adopt(copy, run, state)
            state.revision = _next(state.revision)
            _tell(copy, run, state, Held())
        state.mark, state.sent = mark, now
        return has_notes
    # The status first: what it tells of has been written before it was.
    status, touched = read(folder / "status.json"), modified(folder / "status.json")
    # It grows with each sign of life, whatever the clock was set to meanwhile.
    beat = touched if touched > state.beat else state.beat + (touched != state.touched)
    is_over = state_of(status) not in ACTIVE
    old = Held(list(state.main.rows), dict(state.main.files), dict(state.main.absent))
    heavy = is_over or at_once or not 0 <= now - state.heavy <= home.setting("TLTK_CHECKPOINT_SECONDS", HEAVY_SECONDS)
    files = _files(folder, state, status, heavy)
    rows = _send_rows(copy, run, state)
    absent = {
        name: one for name, one in old.absent.items() if name not in files and not (is_over and name == CHECKPOINT)
    }
    has_news = rows or has_notes or not state.told or absent != old.absent or _shas(files) != _shas(old.files)
    lying = {one.sha for one in old.files.values() if one.is_object}
    waiting = [name for name, one in files.items() if one.is_object and one.sha not in lying]
    if waiting and state.told and has_news and not is_over:
        # Rows are not kept waiting by weights: those come with the next manifest.
        state.main.files = {name: one for name, one in files.items() if name not in waiting}
        state.main.files |= {name: old.files[name] for name in waiting if name in old.files}
        state.revision, state.beat, state.touched = _next(state.revision), beat, touched
        _tell(copy, run, state, state.main)
    for name in waiting:
        files[name] = _send_file(copy, run, folder / name, files[name])
    if not has_news and (beat == state.beat or 0 <= now - state.sent < BEAT_SECONDS):
        if beat == state.beat:
            state.mark = mark  # else the sign of life is sent in its time
        return False
    for key in state.stale:  # no manifest has named them since the last time
        copy.store.remove(key)
    state.main = Held(state.main.rows, files, absent)
    state.revision = _next(state.revision) if has_news else state.revision
    state.beat, state.touched, state.told = beat, touched, True
    state.main.revision = state.revision
    _tell(copy, run, state, state.main)
    named = {*(part.name for part in state.main.rows), *(one.name for one in files.values())}
    then = {*(part.name for part in old.rows), *(one.name for one in old.files.values() if one.is_object)}
    state.stale = [f"{manifest.folder(run, copy.writer)}/{name}" for name in sorted(then - named)]
    state.heavy = now if heavy else state.heavy
    state.mark, state.sent = mark, now
    return True


def _next(revision: int) -> int:
    """A revision that no manifest has borne, nor one of which it is not known whether the store has it."""
    return max(revision + 1, time.time_ns() // 1000)


def _shas(files: dict[str, File]) -> dict[str, str]:
    return {name: one.sha for name, one in files.items()}


def adopt(copy: Copy, run: str, state: State) -> None:
    """Remember what this writer told of a run before, where the note of it was lost.

    Args:
        copy: This machine's.
        run: Its id.
        state: Filled in.
    """
    if state.told or state.revision:
        return
    with contextlib.suppress(Missing, RunProblem):
        data = copy.store.get(manifest.key(run, copy.writer), manifest.MOST_MANIFEST_BYTES)
        mine = manifest.read(data, run, copy.writer)
        copy.remember(mine, data)
        state.told, state.revision, state.beat = True, mine.revision, mine.beat
        state.notes = mine.notes | state.notes
        state.part, state.over = max((p.number for p in mine.rows), default=-1) + 1, list(mine.over)
        first = copy.first(run)
        if mine.deleted:
            state.gone = mine.term
        elif mine.term and first is not None and first.writer == copy.writer:
            state.owner, state.term, state.since = copy.writer, mine.term, mine.since
            state.main = Held(list(mine.rows), dict(mine.files), {}, mine.revision, mine.beat)


def _claim(copy: Copy, run: str, state: State, now: float) -> None:
    """Note that the run is this writer's from now on, where it is new here, or its status was written here."""
    if state.owner == "":
        first = copy.first(run)
        ended = max(state.gone, first.term if first is not None and first.deleted else 0)
        state.term, state.since = ended + 1, now
        state.over = list(first.over) if first is not None and first.deleted else state.over
        state.owner, state.main, state.gone = copy.writer, Held(), 0
    elif state.owner != copy.writer:
        if state.is_fetched(read(copy.runs / run / "status.json")):
            return
        over = copy.basis(run, state)
        adopt(copy, run, state)
        state.term, state.since = max([state.term, *(m.term for m in copy.ranked(run))]) + 1, now
        state.over = over
        away = state.main.absent.items()  # what was not fetched stays where it is
        owned = {name: msgspec.structs.replace(one, writer=one.writer or state.owner) for name, one in away}
        state.owner, state.main = copy.writer, Held(absent=owned)
        _keep_own_attempts(copy, run, state)


def _keep_own_attempts(copy: Copy, run: str, state: State) -> None:
    """Make what this writer found before another's run counted attempts like any: its manifest is written anew."""
    for number in state.beside:
        own = copy.runs / run / EARLIER / str(number)
        if own.is_dir():
            own.rename(own.parent / str(1 + max(attempts_in(copy.runs / run), default=0)))
    state.beside = []


def _note(copy: Copy, folder: Path, state: State, now: float) -> None:
    """Note what people wrote here since, and a wish that another's run stops."""
    for name in manifest.NOTES:
        text, known = (read(folder / name) or b"").decode(errors="replace"), state.notes.get(name)
        if text != (known.text if known else ""):
            state.notes[name] = Note(now, text)
    if state.owner == copy.writer:
        state.stop = ""
    elif (folder / "STOP").exists():
        state.stop = f"{state.owner}:{state.term}"
        home.remove(folder / "STOP")


def _files(folder: Path, state: State, status: bytes | None, heavy: bool) -> dict[str, File]:
    """All files of the folder as a manifest names them.

    Args:
        folder: Of the run.
        state: Which were sent before.
        status: The status as it is told.
        heavy: Whether weights and the log are looked at again.
    """
    found = dict[str, File]()
    for path in own_files(folder):
        name = path.relative_to(folder).as_posix()
        if not manifest.is_shared(name):
            continue
        old = state.main.files.get(name)
        if name == "status.json":
            if status is not None:
                found[name] = in_manifest(status)
        elif old is not None and not heavy and name in (CHECKPOINT, GROWS):
            found[name] = old
        else:
            with contextlib.suppress(FileNotFoundError):
                now = path.stat()
                if old is not None and (now.st_size, now.st_mtime) == (old.size, old.changed):
                    found[name] = old
                    continue
                with home.open_file(path) as file:
                    found[name] = describe(file)
    return found


def _send_file(copy: Copy, run: str, path: Path, one: File) -> File:
    """Send a file; what it is by now, where it was replaced meanwhile."""
    try:
        with home.open_file(path) as file:
            one = describe(file, one.size if path.name == GROWS else None)
            if one.is_object:
                copy.store.upload(f"{manifest.folder(run, copy.writer)}/{one.name}", file, one.size)
    except FileNotFoundError:
        raise Missing(f"The file {path.name} of run {run} must be there to be sent. It has gone meanwhile.") from None
    return one


def _send_rows(copy: Copy, run: str, state: State) -> bool:
    """Send the rows that were written since; whether there were any, or some have gone."""
    parts = list(state.main.rows)
    try:
        file = home.open_file(copy.runs / run / "rows.jsonl")
    except OSError:
        state.main.rows = []
        return bool(parts)
    with file:
        whole, at = os.fstat(file.fileno()).st_size, sum(part.size for part in parts)
        while parts and not (at <= whole and holds(file, at - parts[-1].size, parts[-1])):
            at -= parts.pop().size  # the run went on from an earlier checkpoint: these rows are written anew

        def lines() -> bytes:
            data = file.read(manifest.MOST_PART_BYTES)
            return data[: data.rfind(b"\n") + 1]

        file.seek(at)
        data = lines()
        if data and (small := _n_small(parts)) >= SMALL_PARTS:
            at -= sum(part.size for part in parts[-small:])
            del parts[-small:]
            file.seek(at)
            data = lines()
        while data:
            part = Part(state.part, sha(data), len(data))
            copy.store.put(f"{manifest.folder(run, copy.writer)}/{part.name}", data)
            parts.append(part)
            state.part, at = state.part + 1, at + len(data)
            file.seek(at)
            data = lines()
    has_changed = parts != state.main.rows
    state.main.rows = parts
    return has_changed


def _n_small(parts: list[Part]) -> int:
    """How many of the last parts are small."""
    n = 0
    while n < len(parts) and parts[-1 - n].size < SMALL_PART_BYTES:
        n += 1
    return n


def _tell(copy: Copy, run: str, state: State, held: Held) -> None:
    """Write this writer's manifest of a run."""
    is_own = state.owner == copy.writer
    _publish(
        copy,
        Manifest(
            run,
            copy.writer,
            platform.node()[:255],
            state.term if is_own else 0,
            state.since if is_own else 0.0,
            state.revision,
            state.beat if is_own else 0,
            tuple(held.rows),
            dict(sorted((held.absent | held.files).items())),
            dict(state.notes),
            tuple(state.over),
            state.stop,
        ),
    )
    state.told = True


def _publish(copy: Copy, told: Manifest) -> None:
    data = msgspec.json.encode(told)
    if len(data) > manifest.MOST_MANIFEST_BYTES:
        raise RunProblem(f"A run must have fewer files than {told.run} to be shared. It has {len(told.files):,}.")
    copy.store.put(manifest.key(told.run, told.writer), data)
    copy.remember(told, data)


def _push_deletion(copy: Copy, run: str) -> bool:
    """Tell others that a run was deleted here; not where it is here again."""
    state = copy.state(run)
    is_gone = not (copy.runs / run / "spec.json").is_file()
    if is_gone:
        adopt(copy, run, state)
        term = max([state.term, state.gone, *(m.term for m in copy.ranked(run))]) + 1
        fresh = State(revision=_next(state.revision), told=True, part=state.part, gone=term)
        fresh.over = copy.everything(run)
        told = Manifest(run, copy.writer, platform.node()[:255], term, time.time(), fresh.revision, deleted=True)
        _publish(copy, msgspec.structs.replace(told, over=tuple(fresh.over)))
        copy.keep(run, fresh)
    home.remove(copy.folder / "deleted" / run)
    return is_gone
