"""This machine's copy of a home that lies in an object store, and what is known of the store. No torch here.

Everything else reads and writes the copy alone, so no training waits for a network. A writer is one copy of the home;
each writes below a name of its own (`tltk.runs.manifest`), so none can overwrite another's. `tltk.runs.sending` and
`tltk.runs.fetching` carry runs there and back; what could not be carried is still to be done at the next look, since
nothing but what lies here and what lies there decides what that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tltk import home
from tltk.errors import RunProblem, machine_errors
from tltk.runs import manifest
from tltk.runs.manifest import Basis, File, Manifest, Note, Part
from tltk.runs.objects import Store
from tltk.runs.run import EARLIER, FOREIGN, Status, is_id

SYNC = "sync"  # folder of the copy that is no part of the home

Told = Callable[[str, Exception], None]  # hears of a run that could not be carried, and why


class Held(msgspec.Struct):
    """What a folder here holds of what a manifest tells; `absent` = names and bytes of what lies in the store alone."""

    rows: list[Part] = []
    files: dict[str, File] = {}
    absent: dict[str, File] = {}
    revision: int = -1
    beat: int = -1


class State(msgspec.Struct):
    """How this copy and the store stand to each other in one run.

    Attributes:
        owner: The writer whose run lies here; "" = it is new here, or not here.
        term: Of that writer.
        since: When this writer's term began.
        mark: Of the folder when it was last sent or fetched.
        sent: When it was sent.
        heavy: When its weights and its log were.
        main: What lies here of what its owner tells.
        attempts: Writer → what lies here of its attempt.
        part: Number of this writer's next part.
        revision: The last that this writer sent.
        beat: The same.
        touched: When the status was last touched, by this machine's clock as it then was, of the last beat.
        over: What this writer went on from.
        notes: What this writer told last.
        stop: Whom it asked to stop.
        told: Whether the store has a manifest of this writer.
        stale: Objects that the last manifest no longer names.
        gone: Term in which the run was deleted; 0 = it was not.
        heeded: Term in which a wish to stop was heeded.
        beside: Attempts of this writer that lie beside the run of another.
        coming: Checksum of the status that is being put in place.
    """

    owner: str = ""
    term: int = 0
    since: float = 0.0
    mark: str = ""
    sent: float = 0.0
    heavy: float = 0.0
    main: Held = msgspec.field(default_factory=Held)
    attempts: dict[str, Held] = {}
    part: int = 0
    revision: int = 0
    beat: int = 0
    touched: int = 0
    over: list[Basis] = []
    notes: dict[str, Note] = {}
    stop: str = ""
    told: bool = False
    stale: list[str] = []
    gone: int = 0
    heeded: int = 0
    beside: list[int] = []
    coming: str = ""

    def is_fetched(self, status: bytes | None) -> bool:
        """Whether the status that lies here was fetched: whoever takes up a run here writes another."""
        known = self.main.files.get("status.json")
        return status is None or sha(status) in (known.sha if known is not None else "", self.coming)


class Copy:
    """A copy of a home, and the store that it is a copy of.

    Args:
        root: Folder of the copy.
        store: The home itself.
        knows: Whether what is known of all runs is read; else this one can only tell how a run stands.
    """

    def __init__(self, root: Path, store: Store, knows: bool = True) -> None:
        self.root, self.store, self.runs, self.folder = root, store, root / "runs", root / SYNC
        self.manifests, self.incoming = self.folder / "manifests", self.folder / "incoming"
        with machine_errors(root):
            for path in (self.runs, self.manifests, self.incoming, self.folder / "states", self.folder / "deleted"):
                path.mkdir(parents=True, exist_ok=True)
        self.writer = self._writer()
        self.marks = dict[str, str]()  # run → mark of its folder when it was last sent or fetched
        self.doubted = dict[str, float]()  # manifest that was listed as changed, and was not → when
        self.known = dict[str, dict[str, Manifest]]()  # run → writer → its manifest, without files
        self.listed: dict[str, str] = {}
        if knows:
            self._load()

    def _load(self) -> None:
        self.listed = home.read_json(self.folder / "listed.json", dict[str, str]) or {}
        for path in self.manifests.glob("*.json"):
            parsed = manifest.parse_key(path.name)
            with contextlib.suppress(RunProblem, OSError):
                if parsed:
                    self.known.setdefault(parsed[0], {})[parsed[1]] = _light(manifest.read(path.read_bytes(), *parsed))
        for path in (self.folder / "states").glob("*.json"):
            self.marks[path.stem] = state_at(path).mark

    def _writer(self) -> str:
        """What tells this copy from all others, also from one that was made by copying the folder."""
        path = self.folder / "secret"
        if not path.exists():
            home.write_atomic(path, secrets.token_hex(16))
        own = f"{path.read_text(encoding='ascii')} {platform.node()} {self.root.resolve()}"
        return hashlib.sha256(own.encode()).hexdigest()[:16]

    # -- what is known -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def changing(self, run: str) -> Iterator[State]:
        """The state of a run, kept afterwards, unless something fails inside."""
        state = self.state(run)
        before = msgspec.json.encode(state)
        yield state
        self.keep(run, state, before)

    def keep(self, run: str, state: State, before: bytes = b"") -> None:
        """Write down the state of a run, where it is another than before.

        Args:
            run: Its id.
            state: As it is now.
            before: As it was written down last, as JSON; b"" = it is written in any case.
        """
        data = msgspec.json.encode(state)
        if data != before:
            home.write_atomic(self.folder / "states" / f"{run}.json", data)
        self.marks[run] = state.mark

    def state(self, run: str) -> State:
        """The state of a run as it was written down."""
        return state_at(self.folder / "states" / f"{run}.json")

    def ranked(self, run: str) -> list[Manifest]:
        """What is known of a run from all writers, without files; the one that counts first."""
        return sorted(self.known.get(run, {}).values(), key=lambda one: one.rank, reverse=True)

    def first(self, run: str) -> Manifest | None:
        """The manifest that tells what a run is, without files."""
        found = self.ranked(run)
        return found[0] if found and found[0].term else None

    def whole(self, told: Manifest) -> Manifest:
        """The same manifest with its files.

        Raises:
            RunProblem: The copy's file of it is gone.
        """
        path = self.manifests / f"{told.run}.{told.writer}.json"
        try:
            return manifest.read(path.read_bytes(), told.run, told.writer)
        except OSError:
            raise RunProblem(f"The copy of a manifest must stay, {path}. It was removed; it is read again.") from None

    def remember(self, told: Manifest, data: bytes) -> bool:
        """Keep a manifest that was read or written; whether it is another than before."""
        path = self.manifests / f"{told.run}.{told.writer}.json"
        if read(path) == data:
            return False
        home.write_atomic(path, data)
        self.known.setdefault(told.run, {})[told.writer] = _light(told)
        return True

    def forget(self, told: Manifest) -> None:
        """A manifest is no longer in the store."""
        home.remove(self.manifests / f"{told.run}.{told.writer}.json")
        self.known.get(told.run, {}).pop(told.writer, None)

    def everything(self, run: str) -> list[Basis]:
        """All that others are known to have found of a run: who deletes it goes over that."""
        return [Basis(m.writer, m.term, m.revision) for m in self.ranked(run) if m.term and m.writer != self.writer]

    def basis(self, run: str, state: State) -> list[Basis]:
        """What is part of the folder of a run that another owns: what was fetched of it, and what it went on from."""
        owner = self.known.get(run, {}).get(state.owner)
        inherited = {b.writer: b for b in (*state.over, *(owner.over if owner else ()))}
        inherited[state.owner] = Basis(state.owner, state.term, max(state.main.revision, 0))
        inherited.pop(self.writer, None)
        return list(inherited.values())

    # -- what lies here ----------------------------------------------------------------------------

    def here(self) -> set[str]:
        """The runs whose folders lie here."""
        with contextlib.suppress(OSError), os.scandir(self.runs) as found:
            return {one.name for one in found if is_id(one.name) and one.is_dir(follow_symlinks=False)}
        return set()

    def deleted(self) -> set[str]:
        """The runs that were deleted here, of which others have not been told."""
        with contextlib.suppress(OSError):
            return {path.name for path in (self.folder / "deleted").iterdir() if is_id(path.name)}
        return set()

    def mark(self, run: str) -> str:
        """Changes when a file of the folder is written, replaced, added or removed."""
        folder, marks = str(self.runs / run), []
        for name in ("", "/status.json", "/rows.jsonl", "/log.txt", "/snapshots", f"/{EARLIER}"):
            try:
                found = os.stat(folder + name)
                marks.append(f"{found.st_ino} {found.st_mtime_ns} {found.st_size}")
            except OSError:
                marks.append("")
        return "|".join(marks)

    def has_changed(self, run: str) -> bool:
        """Whether its folder is another than when it was last sent or fetched."""
        return self.mark(run) != self.marks.get(run) and (self.runs / run / "spec.json").is_file()

    def unsent(self) -> list[str]:
        """The runs of which something has still to be sent, signs of life aside."""
        return sorted(self.deleted() | {run for run in self.here() if not self.is_sent(run)})

    def is_sent(self, run: str) -> bool:
        """Whether the store has all that lies here of a run."""
        if not self.has_changed(run):
            return True
        folder, main = self.runs / run, self.state(run).main
        status, told = read(folder / "status.json"), main.files.get("status.json")
        if told is None or status is None or told.sha != sha(status):
            return False
        try:
            rows = (folder / "rows.jsonl").stat().st_size
        except OSError:
            rows = 0
        return rows == sum(part.size for part in main.rows)


def state_at(path: Path) -> State:
    """The state that lies here; an empty one where there is none."""
    found: State | None = home.read_json(path, State)
    return found or State()


def _light(told: Manifest) -> Manifest:
    return msgspec.structs.replace(told, files={}, rows=())


def sha(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes | None:
    """What this file holds; None where there is none."""
    try:
        with home.open_file(path) as file:
            return file.read()
    except OSError:
        return None


def modified(path: Path) -> int:
    """When it was touched last, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def state_of(status: bytes | None) -> str:
    """The state that a status tells."""
    with contextlib.suppress(ValueError):
        found: Status = home.decode_json(status or b"", Status)
        return found.state
    return "waiting"


def in_manifest(data: bytes) -> File:
    """A status as a manifest holds it."""
    text = data.decode(errors="replace")
    return File(sha(text.encode()), len(text.encode()), 0.0, text)


def describe(file: BinaryIO, size: int | None = None) -> File:
    """A file as a manifest names it.

    Args:
        file: Open for reading.
        size: Only so many bytes of it, where it grows meanwhile; None = all.
    """
    found = os.fstat(file.fileno())
    size = found.st_size if size is None else size
    digest, left, first = hashlib.sha256(), size, b""
    file.seek(0)
    while left and (piece := file.read(min(left, 1 << 20))):
        first = first or piece
        digest.update(piece)
        left -= len(piece)
    text = None
    if size <= manifest.MOST_INLINE_BYTES:
        with contextlib.suppress(UnicodeDecodeError):
            text = first.decode()
    return File(digest.hexdigest(), size - left, found.st_mtime, text)


def holds(file: BinaryIO, at: int, part: Part) -> bool:
    """Whether these bytes of a file are those of a part.

    Args:
        file: That may hold them.
        at: Where they would begin.
        part: Its size and hash.
    """
    file.seek(at)
    data = file.read(part.size)
    return len(data) == part.size and sha(data) == part.sha


def attempt_number(writer: str, number: int = 0) -> int:
    """The attempt that a writer's run is to the others, where another's counts; or that one of its own attempts is."""
    return FOREIGN + int(sha(f"{writer} {number}".encode())[:12], 16) % (10**9 - FOREIGN)


def attempts_in(folder: Path) -> list[int]:
    """The attempts of the run in this folder that are its own, not those of other machines."""
    with contextlib.suppress(OSError):
        names = [path.name for path in (folder / EARLIER).iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal() and 0 < int(name) < FOREIGN)
    return []


def own_files(folder: Path) -> Iterator[Path]:
    """The files of a run's folder: no links, no attempts of other machines."""
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        return
    for one in entries:
        if one.is_dir(follow_symlinks=False):
            is_foreign = folder.name == EARLIER and one.name.isdecimal() and int(one.name) >= FOREIGN
            if not is_foreign:
                yield from own_files(Path(one.path))
        elif one.is_file(follow_symlinks=False):
            yield Path(one.path)
