"""One table of all runs, so that ten thousand are listed in a moment. SQLite, beside the runs, made from their folders.

The folders stay the truth. Before the table is asked, each folder is looked at (the times and sizes of its files, not
what is in them), and what differs from the last look is read again. Where there are so many that a look takes longer
than `LONG_LOOK`, looks take a tenth of the time at most: until the next one is due, what runs, what is in the queue and
what an answer names are looked at alone. A table that is damaged, or that somebody keeps
locked, is set aside and made anew; where none can be written, as in a read-only home, it is made in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import tltk
from tltk import home
from tltk.errors import TltkError, truncate
from tltk.runs import sync
from tltk.runs.label import FILE as LABEL
from tltk.runs.run import ACTIVE, MODEL, Run, is_id
from tltk.specs.knobs import Spec
from tltk.specs.reading import read_spec

T = TypeVar("T")

WAIT = 5.0  # seconds that another's lock is waited for
LONG_LOOK = 1.0  # seconds; a look at all folders that takes longer is not taken each time
LOOKS_SHARE = 0.1  # of the time, that long looks may take
MOST_CHECKED = 2000  # runs that an answer may name to be looked at once more
SETTLE = 2 * 10**9  # nanoseconds; two changes that lie closer may bear the same time on the disk
LOOKED_AT = ("spec.json", "status.json", "result.json", LABEL)  # one bit of `files` each
MOST_TEXT = 2000  # characters of a message

# SQLite's codes for what the machine refuses, and for a lock that somebody keeps; any other says that it is no table.
REFUSED = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOLFS,
)


class RunEntry(msgspec.Struct, frozen=True, array_like=True):
    """What lists know of a run without opening its folder; texts are "" and numbers None where there is none."""

    id: str
    kind: str  # of its spec; "" = that cannot be read
    trains: int  # 0 or 1: whether it trains networks
    created: float  # seconds since 1970: when its spec was written
    updated: float  # when its status was
    target: str
    shots: int | None
    source: str
    backbone: str
    weights: str
    strategy: str
    boundary: int | None
    lr: float | None
    seed: int | None
    setting: str  # the same for runs that differ by their seed alone
    task: str  # the same for specs with the same target, whatever its seed
    state: str
    message: str
    epoch: int
    epochs: int
    seconds: float
    device: str
    accuracy: float | None  # on the test part; of a comparison its transfer arm's
    verdict: str  # label of a comparison's verdict
    gap: float | None
    model: int  # bytes of the weights that it ended with; −1 = there are none
    children: str  # ids of the runs that it started, with blanks between
    attempts: int  # how many lie under earlier/
    name: str
    note: str
    tags: str  # with blanks between
    fault: str  # why its spec cannot be read
    asked: str = ""  # its spec as JSON, where `find` was asked for it

    @property
    def run(self) -> Run:
        """Its folder."""
        return Run.at(self.id)

    @property
    def spec(self) -> Spec:
        """What was asked for.

        Raises:
            TltkError: Its spec is damaged, or of another version.
        """
        return read_spec(self.asked) if self.asked else self.run.spec

    @classmethod
    def of(cls, run: Run) -> RunEntry:
        """What the folder says at this moment; for one run, where no list is asked for."""
        row = _read(run)
        return _resolve(_entry(row)) if row else RunEntry.none(run)

    @classmethod
    def none(cls, run: Run) -> RunEntry:
        """Of a folder that is no run."""
        return _entry({"id": run.id, "state": "waiting", "fault": f"There is no spec.json in {run.path}."})


_FIELDS = {field.name: field.type for field in msgspec.structs.fields(RunEntry) if field.name != "asked"}
_EMPTY: dict[Any, Any] = {str: "", int: 0, float: 0.0}
_SQL: dict[Any, str] = {
    str: "TEXT NOT NULL",
    int: "INTEGER NOT NULL",
    float: "REAL NOT NULL",
    int | None: "INTEGER",
    float | None: "REAL",
}
_COLUMNS = {
    **{name: _SQL[kind] for name, kind in _FIELDS.items()},
    "asked": "TEXT NOT NULL",
    "words": "TEXT NOT NULL",  # what is searched, in small letters
    "mark": "INTEGER NOT NULL",  # changes when the folder does
    "files": "INTEGER NOT NULL",  # which of LOOKED_AT there were
    "written": "INTEGER NOT NULL",  # another number each time that the row is written
}
_BODY = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
# A table of another version holds other columns, or the same with another meaning: it has another name.
_TABLE = "runs_" + hashlib.sha256(f"2 {tltk.__version__} {_BODY}".encode()).hexdigest()[:8]
_MAKE = (
    f"CREATE TABLE IF NOT EXISTS {_TABLE} ({_BODY}, PRIMARY KEY (id))",
    f"CREATE INDEX IF NOT EXISTS {_TABLE}_looks ON {_TABLE} (id, mark, files, written)",  # all that a look needs
    f"CREATE INDEX IF NOT EXISTS {_TABLE}_newest ON {_TABLE} (created DESC, id)",
    f"CREATE INDEX IF NOT EXISTS {_TABLE}_state ON {_TABLE} (state, created)",
    f"CREATE TABLE IF NOT EXISTS {_TABLE}_look (ended REAL NOT NULL, took REAL NOT NULL)",  # the last at all folders
)
_PUT = f"INSERT OR REPLACE INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class _Once:
    """A connection that is opened when it is first asked for, and then kept."""

    def __init__(self) -> None:
        self.db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of it."""
        if self.db is not None:
            self.db.close()
            self.db = None


_held: ContextVar[_Once | None] = ContextVar("_held", default=None)


# -- asking ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Query:
    """Which runs; what is empty does not restrict.

    `text`: words that must all be found in its id, kind, names, note, tags or verdict, in any case. `begins`: the first
    digits of its id. `weights`: whether it has weights that it ended with. `trains`: whether it trains networks.
    `within`: whether runs that a study started are meant too. `specs`: whether entries hold their spec.
    """

    text: str = ""
    kinds: Collection[str] = ()
    states: Collection[str] = ()
    tags: Collection[str] = ()
    target: str = ""
    backbone: str = ""
    task: str = ""
    begins: str = ""
    trains: bool | None = None
    weights: bool | None = None
    within: bool = True
    specs: bool = False
    limit: int = 0


def find(query: Query | None = None, ids: Collection[str] = (), **fields: Any) -> list[RunEntry]:
    """The runs that are asked for, newest first, each as its folder says at this moment.

    The state is the run's own, as `Run.status` has it; whether it is in the queue, `tltk.jobs.listing` knows.

    Args:
        query: Which; None = one of these fields.
        ids: Others whose state is to be looked at whatever was written: `states` does not leave them out.
        **fields: Of a `Query`.

    Example:
        find(kinds=["transfer"], text="digits resnet", limit=20)
    """
    asked = query if query is not None else Query(**fields)
    sync.ensure()  # of a home in an object store: somebody looks
    where, values = _condition(asked, ids)
    columns = ", ".join([*_FIELDS, "asked"] if asked.specs else _FIELDS)
    late = bool(asked.states) or not asked.within  # what SQL cannot tell is left out below
    named: list[str] = []
    limit = f" LIMIT {int(asked.limit)}" if asked.limit > 0 and not late else ""

    def work(db: sqlite3.Connection) -> tuple[list[RunEntry], set[str]]:
        words = f"SELECT {columns} FROM {_TABLE} WHERE {where} ORDER BY created DESC, id{limit}"
        rows = db.execute(words, values).fetchall()
        named.extend(row[0] for row in rows[:MOST_CHECKED])
        inside: set[str] = set()
        if not asked.within:
            for (children,) in db.execute(f"SELECT children FROM {_TABLE} WHERE children != ''"):
                inside.update(children.split())
        return msgspec.convert(rows, list[RunEntry]), inside

    found, inside = _do(work, ids, named)
    entries = [_resolve(entry) if entry.state == "running" else entry for entry in found if entry.id not in inside]
    if asked.states:
        entries = [entry for entry in entries if entry.state in asked.states or entry.id in ids]
    return entries[: asked.limit] if asked.limit > 0 else entries


def accuracies(target: Spec) -> list[tuple[str, str, str, float]]:
    """Backbone, weights, setting and test accuracy of every finished training on this target, whatever its seed.

    Args:
        target: The `DataSpec`.
    """
    return _do(
        lambda db: db.execute(
            f"SELECT backbone, weights, setting, accuracy FROM {_TABLE} "
            "WHERE kind = 'transfer' AND task = ? AND accuracy IS NOT NULL ORDER BY created DESC, id",
            (_task(target),),
        ).fetchall()
    )


def tags() -> list[str]:
    """Every tag that some run bears, in order."""
    found = _do(lambda db: db.execute(f"SELECT DISTINCT tags FROM {_TABLE} WHERE tags != ''").fetchall())
    return sorted({tag for (together,) in found for tag in together.split()})


@contextmanager
def one_look() -> Iterator[None]:
    """Inside, the folders are looked at once, when the first question is asked; all answers are from that moment."""
    if _held.get() is not None:
        yield
        return
    once = _Once()
    token = _held.set(once)
    try:
        yield
    finally:
        _held.reset(token)
        once.close()


def _condition(asked: Query, ids: Collection[str]) -> tuple[str, list[Any]]:
    """The query as SQL."""
    parts, values = ["1"], list[Any]()

    def one_of(column: str, names: Collection[str]) -> str:
        values.extend(map(_text, names))
        return f"{column} IN ({', '.join('?' * len(names))})"

    if asked.kinds:
        parts.append(one_of("kind", asked.kinds))
    if asked.states:
        states = one_of("state", {*asked.states, *ACTIVE})
        if ids:  # one value however many there are: SQLite takes 32,766 at most unless it was built otherwise
            states = f"({states} OR id IN (SELECT value FROM json_each(?)))"
            values.append(json.dumps(list(ids)))
        parts.append(states)
    for column in ("target", "backbone", "task"):
        if wanted := getattr(asked, column):
            parts.append(one_of(column, [wanted]))
    for word in asked.text.casefold().split():
        parts.append("instr(words, ?) > 0")
        values.append(_text(word))
    for tag in asked.tags:
        parts.append("instr(' ' || lower(tags) || ' ', ?) > 0")
        values.append(f" {_lower(_text(tag))} ")
    if asked.begins:
        parts.append("substr(id, 1, ?) = ?")
        values += [len(asked.begins), _text(asked.begins)]
    if asked.trains is not None:
        parts.append(f"trains = {int(asked.trains)}")
    if asked.weights is not None:
        parts.append("model >= 0" if asked.weights else "model < 0")
    return " AND ".join(parts), values


def _lower(text: str) -> str:
    """As SQLite's lower(): ASCII letters alone."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _resolve(entry: RunEntry) -> RunEntry:
    """A run that runs, as it stands: whether its process lives is written nowhere."""
    status = entry.run.status
    return msgspec.structs.replace(
        entry,
        state=status.state,
        message=_text(truncate(status.message, MOST_TEXT)),
        epoch=status.epoch,
        epochs=status.epochs,
        seconds=status.seconds,
        updated=status.updated,
    )


# -- the table ---------------------------------------------------------------------------------------


def _do(work: Callable[[sqlite3.Connection], T], ids: Collection[str] = (), named: Collection[str] = ()) -> T:
    """Ask the table, once it says what the folders say.

    Args:
        work: The question.
        ids: Runs that are looked at in any case, unless the table knows them.
        named: Filled by `work` with runs of the answer, which are looked at in any case.
    """
    once = _held.get()
    if once is not None and once.db is not None:
        with contextlib.suppress(sqlite3.Error, ValueError):  # another may have set it aside meanwhile
            return work(once.db)
        once.close()
    db, found = _query(work, ids, named)
    if once is not None:
        once.db = db
    else:
        db.close()
    return found


def _place() -> Path:
    """Where the table lies: in the home, and of one on a disk of several machines in a folder of this machine's own."""
    root = home.home()
    if not home.is_networked(root):
        return root / "index.db"
    own = home.expand_path(os.environ.get("TLTK_CACHE") or "~/.cache/tltk", "TLTK_CACHE")
    own /= f"index-{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}"
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:
        return root / "index.db"
    return own / "index.db"


def _query(
    work: Callable[[sqlite3.Connection], T], ids: Collection[str], named: Collection[str]
) -> tuple[sqlite3.Connection, T]:
    """A connection to the table, looked through, and its answer."""
    path = _place()
    for _ in range(2):
        before, db = _stat(path), None
        try:
            db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA synchronous = NORMAL")
            return db, _answer(db, work, ids, named)
        except (sqlite3.Error, ValueError) as fault:
            if db is not None:
                db.close()
            if isinstance(fault, TltkError):
                raise
            if getattr(fault, "sqlite_errorcode", 0) & 0xFF in REFUSED and not path.is_dir():
                break
            is_new = before is None or before != _stat(path)  # another process has made it anew meanwhile
            if not is_new and home.quarantine(path, str(fault)) is None:
                break
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:  # what was written once is a start; what has changed since is read again
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as old:
            old.backup(db)
        return db, _answer(db, work, ids, named)
    except (sqlite3.Error, ValueError) as fault:
        db.close()
        if isinstance(fault, TltkError):
            raise
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    return db, _answer(db, work, ids, named)


def _answer(
    db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], ids: Collection[str], named: Collection[str]
) -> T:
    """What the table says, once it is there and says what the folders say."""
    words = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not db.execute(words, (f"{_TABLE}_look",)).fetchone()[0]:  # the last that is made
        for statement in _MAKE:
            db.execute(statement)
    if not _is_due(db):
        return _answer_soon(db, work, ids, named)
    present = _look_through(db)
    while True:
        # Another process may have written what it read of a folder that is gone by now. From the first question on
        # nobody writes, so what is found to be whole is still so when `work` asks.
        db.execute("BEGIN")
        try:
            late = {run for (run,) in db.execute(f"SELECT id FROM {_TABLE}")} - present
            gone = [(run,) for run in late if not Run.at(run).path.exists()]
            if not gone:
                return work(db)
        finally:
            db.execute("COMMIT")
        db.executemany(f"DELETE FROM {_TABLE} WHERE id = ?", gone)


def _is_due(db: sqlite3.Connection) -> bool:
    """Whether all folders are to be looked at now."""
    last = db.execute(f"SELECT ended, took FROM {_TABLE}_look").fetchone()
    if last is None or last[1] <= LONG_LOOK:
        return True
    return not 0 <= time.time() - last[0] < last[1] / LOOKS_SHARE


def _note_look(db: sqlite3.Connection, n: int, took: float) -> None:
    """Write down how long a look at so many folders took, where that matters or mattered."""
    took = took if n > MOST_CHECKED else 0.0
    if took > LONG_LOOK or db.execute(f"SELECT 1 FROM {_TABLE}_look").fetchone():
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"DELETE FROM {_TABLE}_look")
        db.execute(f"INSERT INTO {_TABLE}_look VALUES (?, ?)", (time.time() - took, took))
        db.execute("COMMIT")


def _answer_soon(
    db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], ids: Collection[str], named: Collection[str]
) -> T:
    """What the table says where all folders were looked at lately: only what may well have changed is looked at."""
    new = f"SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM {_TABLE})"
    running = f"SELECT id FROM {_TABLE} WHERE state = 'running'"
    waiting = f"SELECT id FROM {_TABLE} WHERE state = 'waiting' ORDER BY created LIMIT {MOST_CHECKED}"
    both = db.execute(f"{running} UNION SELECT id FROM ({waiting}) UNION {new}", (json.dumps(list(ids)),)).fetchall()
    _look_through(db, [run for (run,) in both])
    for _ in range(2):
        found = work(db)
        if not _look_through(db, list(named)):
            break
    return found


def _stat(path: os.PathLike[str]) -> tuple[int, int] | None:
    """Which file lies there; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _look_through(db: sqlite3.Connection, names: Collection[str] | None = None) -> set[str]:
    """Read again what has changed since the last look, and forget what is gone.

    Args:
        db: The table.
        names: Runs that are looked at; None = all there are.

    Returns:
        The runs that are there; where `names` are given, those that had changed or are gone.
    """
    began = time.monotonic()
    values = () if names is None else (json.dumps(list(names)),)
    which = "" if names is None else "WHERE id IN (SELECT value FROM json_each(?))"
    words = f"SELECT id, mark, files, written FROM {_TABLE} {which}"
    known = {run: (mark, files, written) for run, mark, files, written in db.execute(words, values)}
    folder = str(home.folder("runs"))
    with _directory(folder) as (prefix, where):
        marks = {
            name: _mark(prefix, name, where, known[name][1] if name in known else -1)
            # A path for each of ten thousand takes its time.
            for name in (os.listdir(folder) if names is None else names)  # noqa: PTH208
            if is_id(name)
        }
    if names is None:
        _note_look(db, len(marks), time.monotonic() - began)  # without what is read of those that have changed
    present = {run for run, mark in marks.items() if mark is not None}
    changed = [run for run in present if run not in known or marks[run] != known[run][0]]
    rows: dict[str, dict[str, Any] | None] = {run: _read(Run.at(run)) for run in changed}
    rows |= dict.fromkeys(known.keys() - present)
    written, outrun = _write(db, rows, {run: known[run][2] for run in rows if run in known})
    found = present if names is None else written
    # What another process wrote meanwhile may be older than what was read here, or newer: only the folder knows.
    return found | _look_through(db, outrun) if outrun else found


def _write(
    db: sqlite3.Connection, rows: dict[str, dict[str, Any] | None], known: dict[str, int]
) -> tuple[set[str], list[str]]:
    """Put down what was read of these folders, unless another process has written meanwhile.

    Args:
        db: The table.
        rows: What each is found to be; None = gone.
        known: The `written` of those that the table had before they were read.

    Returns:
        The runs that are written or forgotten, and those whose row another wrote since `known`, with other content.
    """
    put = {run: _values(row) for run, row in rows.items() if row is not None}
    for run in [run for run in put if run in known][:1000]:  # looked at anew and found the same: nothing to write
        if _is_same(db.execute(f"SELECT * FROM {_TABLE} WHERE id = ?", (run,)).fetchone(), put[run]):
            del put[run]
    gone = [run for run in known if rows[run] is None]
    outrun = []
    if not put and not gone:
        return set(), []
    db.execute("BEGIN IMMEDIATE")
    try:
        for run in [*put, *gone]:
            before = db.execute(f"SELECT * FROM {_TABLE} WHERE id = ?", (run,)).fetchone()
            if (before[_WRITTEN] if before else None) == known.get(run):
                continue  # nobody else has written it
            if not (_is_same(before, put.get(run)) or (before is None and run in gone)):
                outrun.append(run)
            put.pop(run, None)
        gone = [run for run in gone if run not in outrun]
        db.executemany(_PUT, put.values())
        db.executemany(f"DELETE FROM {_TABLE} WHERE id = ?", [(run,) for run in gone])
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    return {*put, *gone}, outrun


def _is_same(row: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> bool:
    """Whether two rows say the same, whenever they were written."""
    return row is not None and other is not None and row[:_WRITTEN] == other[:_WRITTEN]


_WRITTEN = len(_COLUMNS) - 1  # the last


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    return (*(row[name] for name in _COLUMNS if name != "written"), secrets.randbits(62))


# -- the folders -------------------------------------------------------------------------------------


@contextmanager
def _directory(folder: str) -> Iterator[tuple[str, int | None]]:
    """How to name what lies in it: short names from an open folder are found in half the time."""
    if os.stat not in os.supports_dir_fd:
        yield f"{folder}{os.sep}", None
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        yield "", number
    finally:
        os.close(number)


def _mark(prefix: str, name: str, where: int | None, files: int) -> int | None:
    """A number that changes when the folder does: one of its files written, replaced, added or removed.

    Args:
        prefix: Stands before the name.
        name: Of the folder.
        where: The open folder in which it lies.
        files: Which of `LOOKED_AT` are known to be there, a bit each; −1 = not known. Whichever comes or goes changes
            the folder itself.
    """
    stat = os.stat
    try:
        found = stat(prefix + name, dir_fd=where)
        state = [found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
        bit = 1
        for file in LOOKED_AT:
            if files & bit:
                try:
                    found = stat(f"{prefix}{name}/{file}", dir_fd=where)
                    state += (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                except OSError:
                    if bit == 1:
                        return None  # without a spec it is no run
                    if files == -1:
                        state += (0, 0, 0)
            bit <<= 1
    except OSError:
        return None
    return hash(tuple(state))


def _read(run: Run) -> dict[str, Any] | None:
    """A folder as a row of the table; None where it is no run."""
    names, newest = [], 0
    try:
        newest = max(run.path.stat().st_ctime_ns, run.path.stat().st_mtime_ns)
        created = (run.path / LOOKED_AT[0]).stat().st_mtime
    except OSError:
        return None
    for bit, file in enumerate(LOOKED_AT):
        with contextlib.suppress(OSError):
            times = (run.path / file).stat()
            newest = max(newest, times.st_mtime_ns, times.st_ctime_ns)
            names.append(1 << bit)
    files = sum(names)
    mark = _mark(f"{run.path.parent}{os.sep}", run.id, None, files) or 0  # before it is read: what changes then is seen
    row: dict[str, Any] = {"id": run.id, "created": created, "files": files, "asked": ""}
    try:
        spec = run.spec
        row |= facts(spec) | {"asked": spec.to_json()}
    except TltkError as fault:
        row |= {"fault": str(fault)}
    result, label = run.result(), run.label  # before the status, which tells what was set aside
    written = run.written_status()
    status = (
        written if written.state == "running" else run.judge_status(written)
    )  # who lives is looked at when it is asked
    found = (result or {}).get("verdict")
    verdict = found if isinstance(found, dict) else {}
    row |= {
        **{name: getattr(status, name) for name in ("state", "message", "epoch", "epochs", "seconds", "device")},
        "updated": status.updated,
        "accuracy": accuracy(result),
        "verdict": str(verdict.get("label", ""))[:80],
        "gap": _number(verdict.get("gap")),
        "children": " ".join(dict.fromkeys(child.id for child in run.children())),
        "attempts": len(run.attempts()),
        **{name: getattr(label, name) for name in ("name", "note")},
        "tags": " ".join(label.tags),
    }
    row["model"] = sync.size_in_store(run.id, MODEL)  # −1 where there is none
    with contextlib.suppress(OSError):
        row["model"] = (run.path / MODEL).stat().st_size
    for name, kind in _FIELDS.items():
        row.setdefault(name, _EMPTY.get(kind))
    for name in (name for name, value in row.items() if isinstance(value, str)):
        row[name] = _text(row[name] if name in ("asked", "children") else truncate(row[name], MOST_TEXT))
    searched = ("id", "kind", "name", "note", "tags", "target", "source", "backbone", "weights", "strategy", "verdict")
    row["words"] = "\n".join(str(row[name]) for name in searched).casefold()
    is_settled = abs(time.time_ns() - newest) > SETTLE and not row["fault"]
    row["mark"] = mark if is_settled else ~mark  # is equal to none: it is read again next time
    return row


def facts(spec: Spec) -> dict[str, Any]:
    """What lists say of a spec of any kind: the columns of the table that come from it."""
    net, strategy = getattr(spec, "net", None), getattr(spec, "strategy", None)
    target = getattr(spec, "target", None) or getattr(spec, "data", None)
    source, optim = getattr(spec, "source", None), getattr(spec, "optim", None)
    has_seed = hasattr(spec, "seed")
    return {
        "kind": spec.kind,
        "trains": int(spec.trains),
        "target": target.name if target else "",
        "shots": target.shots if target else None,
        "source": source.name if source else "",
        "backbone": str(net.backbone if net else getattr(spec, "backbone", "")),
        "weights": str(net.weights if net else getattr(spec, "weights", "")),
        "strategy": strategy.name if strategy else "",
        "boundary": net.boundary if strategy and net else None,
        "lr": optim.lr if optim and has_seed else None,  # who searches for rates has none of its own
        "seed": getattr(spec, "seed", getattr(spec, "first_seed", None)),
        "setting": spec.group_id,
        "task": _task(target) if target else "",
    }


def _task(target: Spec) -> str:
    """The same for equal targets, whatever their seed."""
    return dataclasses.replace(target, seed=0).run_id  # type: ignore[type-var]


def accuracy(result: Any) -> float | None:
    """The test accuracy that a result tells of: a training's, or that of the transfer arm of a comparison."""
    if not isinstance(result, dict):
        return None
    verdict = result.get("verdict")
    return _number(verdict.get("transfer") if isinstance(verdict, dict) else result.get("accuracy"))


def _number(value: Any) -> float | None:
    with contextlib.suppress(OverflowError):
        return float(value) if isinstance(value, int | float) else None
    return None


def _text(text: str) -> str:
    """As SQLite takes it: a path may hold half a character."""
    return text.encode("utf-8", "backslashreplace").decode()


def _entry(row: dict[str, Any]) -> RunEntry:
    usual: dict[str, Any] = {name: _EMPTY.get(kind) for name, kind in _FIELDS.items()}
    return RunEntry(**{name: usual[name] if row.get(name) is None else row[name] for name in usual})
