"""From the store to this machine's copy of a home: what others have written since. No torch here.

What is fetched lies aside until all of it is there and is what its manifest tells; then it is put in place, unless
somebody here has taken up the run meanwhile. Of several writers of a run the one of the highest rank counts. What the
others found becomes attempts of the run (`earlier/NUMBER`), unless the one that counts went on from it.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tltk import home
from tltk.errors import MachineProblem, RunProblem, TltkError, machine_errors
from tltk.runs import label, manifest, predictions, process, trash
from tltk.runs.label import Label
from tltk.runs.manifest import File, Manifest, Note, Part
from tltk.runs.mirror import Copy, Held, State, Told, attempt_number, attempts_in, holds, read, sha
from tltk.runs.objects import Missing
from tltk.runs.predictions import Prediction
from tltk.runs.run import EARLIER, LOCK, Run
from tltk.runs.sending import CHECKPOINT, send

EAGER_MB = 8.0  # a larger file is fetched when somebody wants it
LAG_SECONDS = 30.0  # for so long a manifest that is listed as changed, and is not, is read again
ROOM_BYTES = 1 << 30  # that must stay free on the disk
LAST = ("result.json", "status.json")  # of what is put in place
CLAIM = "claim.lock"  # see `Run.claim`


def pull(copy: Copy, told: Told | None = None) -> int:
    """Fetch what others have written since the last look; how many manifests were new.

    Args:
        copy: Of the home.
        told: Hears of a run that could not be fetched, and why; None = it is raised.
    """
    listed, changed = copy.store.list(manifest.MANIFESTS), dict[str, list[str]]()
    for name, mark in listed.items():
        parsed = manifest.parse_key(name)
        if parsed is not None and parsed[1] != copy.writer and copy.listed.get(name) != mark:
            changed.setdefault(parsed[0], []).append(parsed[1])
    n = 0
    for run in sorted({*changed, *_unfinished(copy)}):
        try:
            sure = list[str]()
            for writer in changed.get(run, ()):
                name = f"{run}.{writer}.json"
                is_new = _read_manifest(copy, run, writer)
                since = copy.doubted.setdefault(name, time.monotonic())
                # A store that lags may list the new one and give the old one.
                if is_new or time.monotonic() - since > LAG_SECONDS:
                    sure.append(name)
                n += is_new
            if apply(copy, run):  # else, or where it fails, it is looked at again
                for name in sure:
                    copy.listed[name] = listed[name]
                    copy.doubted.pop(name, None)
        except Exception as fault:  # each file system of fsspec has errors of its own
            if told is None:
                raise
            told(run, fault)
    return n


def _unfinished(copy: Copy) -> set[str]:
    """The runs that are known and not here, and those in which this writer must make way for another."""
    with home.hold_lock_at(copy.root / CLAIM):  # a run that is being deleted is either here or noted as deleted
        absent = set(copy.known) - copy.here() - copy.deleted()
    found = set()
    for run, writers in copy.known.items():
        first = copy.first(run)
        if first is None or first.deleted:
            continue
        lost = first.writer != copy.writer and copy.writer in writers and writers[copy.writer].term
        if run in absent or (lost and copy.state(run).owner == copy.writer):
            found.add(run)
    return found


def _read_manifest(copy: Copy, run: str, writer: str) -> bool:
    """Read one; whether it is newer than what was known.

    Raises:
        Missing: It is older.
        RunProblem: It is no manifest.
    """
    data = copy.store.get(manifest.key(run, writer), manifest.MOST_MANIFEST_BYTES)
    told, known = manifest.read(data, run, writer), copy.known.get(run, {}).get(writer)
    if known is not None and (told.revision, told.beat) < (known.revision, known.beat):
        raise Missing(
            f"The manifest of run {run} must be no older than the last. {writer}'s is: the store lags behind."
        )
    return copy.remember(told, data)


def fetch(copy: Copy, run: str) -> None:
    """Bring one run here whole, its weights too: for a process that goes on with it, or reads them.

    Args:
        copy: Of the home.
        run: Its id.

    Raises:
        Missing: Something of it cannot be seen yet.
    """
    for name in copy.store.list(manifest.MANIFESTS):
        parsed = manifest.parse_key(name)
        if parsed is not None and parsed[0] == run and parsed[1] != copy.writer:
            _read_manifest(copy, *parsed)
    apply(copy, run, math.inf)
    with copy.changing(run) as state:
        if state.owner == copy.writer:  # it was taken up here before all of it was
            for name, one in list(state.main.absent.items()):
                if not (copy.runs / run / name).exists():
                    path = _download(copy, run, one.writer or copy.writer, one)
                    _put(copy.runs / run, name, one, path)
                del state.main.absent[name]
    if not (copy.runs / run / "spec.json").is_file():
        raise Missing(f"Run {run} must be in the home. It is not, or cannot be seen yet.")


def apply(copy: Copy, run: str, eager: float | None = None) -> bool:
    """Make the folder of a run what the manifests tell; False where something here has to be sent or to end first.

    Args:
        copy: Of the home.
        run: Its id.
        eager: Bytes of the largest file that is fetched; None = as `TLTK_EAGER_MB` says.
    """
    eager = home.setting("TLTK_EAGER_MB", EAGER_MB) * 2**20 if eager is None else eager
    first, folder = copy.first(run), copy.runs / run
    with copy.changing(run) as state:
        if first is not None and first.deleted:
            return first.writer == copy.writer or _apply_deletion(copy, run, state, first)
        is_free = first is not None and _is_free(copy, run, state, first)
        if first is not None and is_free:
            _bring_main(copy, run, state, copy.whole(first), eager)
        if not (folder / "spec.json").is_file():
            return True
        for told in copy.ranked(run):
            _apply_attempts(copy, run, state, told, first, eager)
        _heed(copy, run, state)
        # The mark stays as it was: what was written here meanwhile has still to be seen.
        return _apply_notes(copy, run, state) and (first is None or is_free or first.writer == copy.writer)


def _is_free(copy: Copy, run: str, state: State, first: Manifest) -> bool:
    """Whether the folder may become what the first manifest tells: what lies there is no work of this writer's."""
    folder = copy.runs / run
    if not (folder / "spec.json").is_file():
        state.owner, state.main = "", Held()
        return run not in copy.deleted()
    if first.writer == copy.writer:
        return False
    if state.owner == "":
        return _recognise(folder, state, copy.whole(first))  # else it is new here, and is sent first
    if state.owner == copy.writer:
        if _runs_here(folder):
            Run(folder).ask_to_stop()  # another's counts; what this one found is kept
            return False
        return copy.mark(run) == state.mark or not send(copy, run, state, at_once=True)
    return state.is_fetched(read(folder / "status.json"))


def _recognise(folder: Path, state: State, first: Manifest) -> bool:
    """Whether what lies here is what the first manifest tells, though the note of it was lost."""
    status, told = read(folder / "status.json"), first.files.get("status.json")
    if status is None or told is None or told.sha != sha(status):
        return False
    state.main = Held(files={"status.json": told})
    return True


def _runs_here(folder: Path) -> bool:
    if process.is_held(folder / LOCK):
        return True
    status = Run(folder).written_status()
    return status.state == "running" and process.is_alive(status.pid, status.pid_born)


# -- bringing --------------------------------------------------------------------------------------


def _bring_main(copy: Copy, run: str, state: State, told: Manifest, eager: float) -> None:
    """Make the folder what a manifest tells, and note whose run lies there now."""
    folder, mine = copy.runs / run, copy.known.get(run, {}).get(copy.writer)
    is_own = state.owner == copy.writer and (folder / "spec.json").is_file()
    # What another went on from is part of what that one found.
    is_beside = is_own and not (mine is not None and any(one.follows(mine) for one in copy.ranked(run)))

    def may_change() -> bool:
        if not is_own:
            return state.is_fetched(read(folder / "status.json"))
        if _runs_here(folder) or copy.mark(run) != state.mark:
            return False
        if is_beside:
            _put_beside(copy, folder, state)
        return True

    _bring(copy, folder, told, Held() if is_beside else state.main, eager, state, may_change, is_beside)


def _put_beside(copy: Copy, folder: Path, state: State) -> None:
    """Make what this writer found an attempt; the store has it already."""
    own, earlier = folder / EARLIER / str(attempt_number(copy.writer)), attempts_in(folder)
    with machine_errors(own):
        own.mkdir(parents=True, exist_ok=True)
        state.owner, state.main = "", Held()
        state.beside = [int(own.name), *(attempt_number(copy.writer, number) for number in earlier)]
        copy.keep(folder.name, state)  # first: killed halfway, the folder counts as new here, and nothing is undone
        for name in ("spec.json", "status.json"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(folder / name, own / name)
        kept = ("spec.json", "status.json", LOCK, EARLIER, *manifest.NOTES)
        moved = [(path, own / path.name) for path in sorted(folder.iterdir()) if path.name not in kept]
        moved += [(own.parent / str(n), own.parent / str(attempt_number(copy.writer, n))) for n in earlier]
        for path, place in moved:
            if not path.name.endswith(".tmp"):
                home.remove(place)
                path.rename(place)


def _bring(
    copy: Copy,
    folder: Path,
    told: Manifest,
    held: Held,
    eager: float,
    state: State | None = None,
    may_change: Callable[[], bool] = lambda: True,
    anew: bool = False,
) -> None:
    """Fetch what a folder lacks of what a manifest tells, then put it in place.

    Args:
        copy: Of the home.
        folder: It.
        told: The manifest, with its files.
        held: What the folder holds of it.
        eager: Bytes of the largest file that is fetched.
        state: Of the run, where the folder is its own and `held` becomes what lies there.
        may_change: Asked when all is fetched, and nobody here can take up the run.
        anew: Whether `may_change` empties the folder.
    """
    lacking = {
        name: one
        for name, one in told.files.items()
        if name not in held.files or held.files[name].sha != one.sha or not (folder / name).exists()
    }
    wanted = {name: one for name, one in lacking.items() if not one.is_object or _is_eager(name, one, eager)}
    rows = _lacking_rows(None if anew else folder / "rows.jsonl", told)
    size = sum(one.size for one in wanted.values()) + sum(part.size for _, part in rows)
    _check_room(copy, told.run, size)
    files = {
        name: _download(copy, told.run, one.writer or told.writer, one) if one.is_object else _inline(name, one, told)
        for name, one in wanted.items()
    }
    parts = [(at, part, _download(copy, told.run, told.writer, part)) for at, part in rows]
    order = sorted(wanted, key=lambda name: (LAST.index(name) + 1 if name in LAST else 0, name))
    with home.hold_lock_at(copy.root / CLAIM), machine_errors(folder):
        if not may_change():
            raise Missing(
                f"Run {told.run} must not be taken up here while it is fetched. It was; it is looked at again."
            )
        if state is not None:
            state.owner, state.term, state.gone = told.writer, told.term, 0
            state.main, state.coming = held, told.files["status.json"].sha if "status.json" in told.files else ""
            copy.keep(told.run, state)  # killed halfway, what lies here is not taken for this writer's
        folder.mkdir(parents=True, exist_ok=True)
        for name in [name for name in held.files if name not in told.files or (name in lacking and name not in wanted)]:
            home.remove(folder / name)
            del held.files[name]
        for name in [name for name in order if name not in LAST]:
            _put(folder, name, wanted[name], files[name])
        _put_rows(folder / "rows.jsonl", told, parts)
        for name in [name for name in order if name in LAST]:
            _put(folder, name, wanted[name], files[name])
        if told.beat > held.beat >= 0 and "status.json" not in wanted:
            with contextlib.suppress(OSError):
                os.utime(folder / "status.json")
    held.files |= wanted
    held.rows, held.revision, held.beat = list(told.rows), told.revision, told.beat
    held.absent = {name: one for name, one in lacking.items() if name not in wanted}
    if state is not None:
        state.coming = ""
        copy.keep(told.run, state)
    for path in [path for path in files.values() if isinstance(path, Path)] + [path for _, _, path in parts]:
        home.remove(path)


def _is_eager(name: str, one: File, eager: float) -> bool:
    """Whether a file is fetched though nobody has asked for it; a checkpoint serves whoever goes on alone."""
    return one.size <= eager and (eager == math.inf or name.rpartition("/")[2] != CHECKPOINT)


def _check_room(copy: Copy, run: str, size: int) -> None:
    free = shutil.disk_usage(copy.root).free
    if size > 1 << 20 and size > free - ROOM_BYTES:
        raise MachineProblem(
            f"The disk must have room for what others found. Run {run} wants {size / 1e9:.2f} GB, and "
            f"{free / 1e9:.2f} GB are free; free some, or set TLTK_MIRROR to another disk."
        )


def _download(copy: Copy, run: str, writer: str, one: File | Part) -> Path:
    """An object, in a file of its own; where a look before has fetched it already, that one."""
    path = copy.incoming / one.sha
    if not (path.is_file() and path.stat().st_size == one.size):
        copy.store.download(f"{manifest.folder(run, writer)}/{one.name}", path, one.size, one.sha)
    return path


def _inline(name: str, one: File, told: Manifest) -> bytes:
    data = (one.text or "").encode()
    if (sha(data), len(data)) != (one.sha, one.size):
        raise RunProblem(f"The file {name} of run {told.run} must have the checksum that is told. It has another.")
    return data


def _put(folder: Path, name: str, one: File, content: Path | bytes) -> None:
    """Put a file in its place, whole.

    Raises:
        RunProblem: Its folder is a link.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.resolve() != folder.resolve().joinpath(*Path(name).parts[:-1]):
        raise RunProblem(f"A folder of run {folder.name} must be no link. That of {name} is one; remove it.")
    if isinstance(content, bytes):
        home.write_atomic(path, content)
    else:
        scratch = home.scratch_of(path)  # the same object may be wanted under several names
        try:
            shutil.copyfile(content, scratch)
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    if path.name != "status.json" and one.changed:  # that of a status is a sign of life, by the clock of this disk
        with contextlib.suppress(OSError):
            os.utime(path, (one.changed, one.changed))


def _lacking_rows(path: Path | None, told: Manifest) -> list[tuple[int, Part]]:
    """The parts that a file of rows lacks, and the byte at which each begins."""
    found, at = list[tuple[int, Part]](), 0
    with contextlib.ExitStack() as stack:
        file = None
        with contextlib.suppress(OSError):
            file = stack.enter_context(home.open_file(path)) if path is not None else None
        for part in told.rows:
            if file is None or found or not holds(file, at, part):
                found.append((at, part))
            at += part.size
    return found


def _put_rows(path: Path, told: Manifest, parts: list[tuple[int, Part, Path]]) -> None:
    """Write the rows that lack; where rows were written anew, from there on."""
    size = sum(part.size for part in told.rows)
    if not size:
        if "rows.jsonl" not in told.files:
            home.remove(path)
        return
    if not parts and path.is_file() and path.stat().st_size == size:
        return
    if path.exists() and not path.is_file():
        home.quarantine(path, "it is no file")
    with open(path, "r+b" if path.exists() else "w+b") as file:
        kept = parts[0][0] if parts else size
        if file.seek(0, os.SEEK_END) < kept:
            raise Missing(f"The rows of run {told.run} must stay while more of them are fetched. Some have gone.")
        file.truncate(kept)
        for at, _, content in parts:
            file.seek(at)
            file.write(content.read_bytes())


# -- what else manifests tell ----------------------------------------------------------------------


def _apply_attempts(copy: Copy, run: str, state: State, told: Manifest, first: Manifest | None, eager: float) -> None:
    """What a writer found whose run does not count, since another's does: attempts of this run, as are its own."""
    if not told.term or told.deleted or first is None or told.writer == first.writer:
        return
    if told.writer == copy.writer and (state.owner in ("", copy.writer) or state.beside):
        return  # it lies here, or does not yet make way
    if any(one.follows(told) for one in copy.ranked(run)):
        return
    seen = state.attempts.get(told.writer, Held())
    if (seen.revision, seen.beat) == (told.revision, told.beat) and eager != math.inf:
        return
    whole = copy.whole(told)
    parts = dict[int, dict[str, File]]()  # number of its own attempts, 0 = the last → files
    for name, one in whole.files.items():
        inside = name.split("/")
        number = int(inside[1]) if inside[0] == EARLIER else 0
        parts.setdefault(number, {})["/".join(inside[2:] if number else inside)] = one
    for number, files in parts.items():
        place = attempt_number(told.writer, number)
        held = state.attempts.setdefault(f"{told.writer} {number}", Held())
        if number or whole.rows or "result.json" in files:
            rows = () if number else whole.rows
            part = msgspec.structs.replace(whole, files=files, rows=rows)
            _bring(copy, copy.runs / run / EARLIER / str(place), part, held, eager)
    if told.writer == copy.writer:
        state.beside = [attempt_number(told.writer, number) for number in parts]
    state.attempts[told.writer] = Held(revision=told.revision, beat=told.beat)
    copy.keep(run, state)


def _apply_notes(copy: Copy, run: str, state: State) -> bool:
    """What people wrote, wherever they did: of a label the last, of predictions the last of each person.

    Returns:
        False where something was written here that has to be sent first.
    """
    is_done = True
    every = [m.notes for m in copy.ranked(run) if m.writer != copy.writer] + [state.notes]
    found = [notes[label.FILE] for notes in every if label.FILE in notes]
    if found:
        is_done &= _write_note(copy, run, label.FILE, max(found, key=lambda note: note.at), state, Label)
    found = [notes[predictions.FILE] for notes in every if predictions.FILE in notes]
    latest: dict[tuple[str, str], Prediction] = {}
    for note in sorted(found, key=lambda note: note.at):
        with contextlib.suppress(ValueError):
            people: tuple[Prediction, ...] = ()
            if note.text:
                people = home.decode_json(note.text.encode(), tuple[Prediction, ...])
            for one in people:
                old = latest.get((one.lesson, one.by))
                if old is None or one.at >= old.at:
                    latest[one.lesson, one.by] = one
    if latest:
        text = msgspec.json.encode(sorted(latest.values(), key=lambda one: (one.at, one.by))).decode()
        note = Note(max(note.at for note in found), text)
        is_done &= _write_note(copy, run, predictions.FILE, note, state, tuple[Prediction, ...])
    return is_done


def _write_note(copy: Copy, run: str, name: str, note: Note, state: State, kind: object) -> bool:
    """Write a note here; False where another was written here that has to be sent first."""
    path, known = copy.runs / run / name, state.notes.get(name)
    before = known.text if known else ""
    if note.text == before:
        return True
    if note.text:
        try:
            home.decode_json(note.text.encode(), kind)
        except (ValueError, TltkError):
            return True  # no note of ours
    with home.hold_lock_at(copy.root / "label.lock"):
        if (read(path) or b"").decode(errors="replace") != before:
            return False
        if note.text:
            home.write_atomic(path, note.text)
        else:
            home.remove(path)
    state.notes[name] = note
    return True


def _heed(copy: Copy, run: str, state: State) -> None:
    """Ask this writer's run to stop, where somebody elsewhere wants it."""
    wish = f"{copy.writer}:{state.term}"
    if state.owner != copy.writer or state.heeded == state.term:
        return
    if any(m.stop == wish for m in copy.ranked(run) if m.writer != copy.writer):
        state.heeded = state.term
        Run(copy.runs / run).ask_to_stop()


def _apply_deletion(copy: Copy, run: str, state: State, first: Manifest) -> bool:
    """Delete a run that was deleted elsewhere; it can be put back for a week. False where it has to end first."""
    folder = copy.runs / run
    if state.gone >= first.term:
        return True
    if (folder / "spec.json").is_file():
        if state.owner == "" and not _is_known(folder, state):
            return True  # asked for here, not knowing of it: it is sent, and there again
        if _runs_here(folder):
            Run(folder).ask_to_stop()
            return False
        if state.owner == copy.writer and copy.mark(run) != state.mark:
            send(copy, run, state, at_once=True)
        with home.hold_lock_at(copy.root / CLAIM):
            trash.put(folder)
    fresh = State(revision=state.revision, told=state.told, part=state.part, gone=first.term, over=copy.everything(run))
    for field in msgspec.structs.fields(State):
        setattr(state, field.name, getattr(fresh, field.name))
    return True


def _is_known(folder: Path, state: State) -> bool:
    return bool(state.main.files) and (folder / "status.json").exists()


def purge(copy: Copy) -> int:
    """Remove from the store what was deleted here longer ago than runs can be put back; how many runs that were.

    Args:
        copy: Of the home.
    """
    n = 0
    for run in sorted(copy.known):
        first = copy.first(run)
        if first is None or not first.deleted or first.writer != copy.writer:
            continue
        others = copy.ranked(run)[1:]
        if not others and (copy.folder / "purged" / run).exists():
            continue
        if time.time() - first.since >= trash.DAYS * 86_400:
            copy.store.remove_all(f"runs/{run}")
            for told in others:
                copy.store.remove(manifest.key(run, told.writer))
                copy.forget(told)
            (copy.folder / "purged").mkdir(exist_ok=True)
            (copy.folder / "purged" / run).touch()
            n += 1
    return n
