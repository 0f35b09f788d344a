"""The table of jobs: what waits, what runs, as which process, and who asked. One SQLite file, many readers and writers.

Where several people ask, their jobs take turns (`in_turn`). The table can be lost: where it is damaged, it is set aside
and made again from the run folders, without the names of those who asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from tltk import home
from tltk.errors import MachineProblem, TltkError, machine_errors
from tltk.jobs import choice
from tltk.runs import index
from tltk.runs.process import identity, is_alive
from tltk.runs.run import ACTIVE, Run

T = TypeVar("T")

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of the queue
    run TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,                       -- queued · running
    timeout REAL NOT NULL DEFAULT 0,           -- seconds; 0 = none
    light INTEGER NOT NULL DEFAULT 0,          -- a question of seconds, which no training holds up
    slots TEXT NOT NULL DEFAULT '',            -- numbers of those that it holds, as in '0 2'; '-1' = beside them
    pid INTEGER,
    born REAL,                                 -- what tells that process from others; on a cluster the name of the job
    started REAL,
    cancelled REAL,
    owner TEXT NOT NULL DEFAULT '',            -- who asks; '' = the shell, HERE = the pages of a dashboard for one
    place TEXT NOT NULL DEFAULT ''             -- address of the cluster that is to run it; '' = this machine
)
"""
_ASKED = """
CREATE TABLE IF NOT EXISTS asked (  -- who asked for a run, also after it has ended
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (run, owner)
)
"""
_TURNS = """
CREATE TABLE IF NOT EXISTS turns (  -- when somebody's last job began: the number of that start
    person TEXT NOT NULL,
    light INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (person, light)
)
"""


# A million that wait must not be read to find the next of them, or one.
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS jobs_next ON jobs (state, light, place, owner, number)",
    "CREATE INDEX IF NOT EXISTS jobs_cancelled ON jobs (cancelled) WHERE cancelled IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS asked_by ON asked (owner, run)",
)


@dataclass(frozen=True)
class Job:
    """One row of the queue."""

    number: int
    run: str
    state: Literal["queued", "running"]
    timeout: float
    light: int  # 0 or 1
    slots: str
    pid: int | None
    born: str | float | None
    started: float | None
    cancelled: float | None
    owner: str
    place: str = ""

    @property
    def person(self) -> str:
        """Whose turn it takes: the shell and the pages of a dashboard for one are the same person's."""
        return "" if self.owner == HERE else self.owner


HERE = "-"  # who uses the pages of a dashboard that is no room
_asking: ContextVar[str] = ContextVar("_asking", default="")

FIELDS = ", ".join(field.name for field in dataclasses.fields(Job))
OF_THE_MACHINE = {  # SQLite's codes → the system's; any other says that the file is no table of ours
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
    sqlite3.SQLITE_BUSY: errno.EAGAIN,
    sqlite3.SQLITE_LOCKED: errno.EAGAIN,
    sqlite3.SQLITE_PROTOCOL: errno.ENOLCK,
}


def _path() -> Path:
    return home.home() / "tltk.db"


@contextmanager
def _connect() -> Iterator[sqlite3.Connection]:
    """A connection for one short transaction; it waits while another process writes."""
    with closing(sqlite3.connect(_path(), timeout=20)) as db, db:
        # A write-ahead log lies in memory that one machine's processes share: on a disk of several it breaks the table.
        db.execute(f"PRAGMA journal_mode={'DELETE' if home.is_networked(_path().parent) else 'WAL'}")
        for table in (_TABLE, _ASKED, _TURNS):
            db.execute(table)
        known = {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
        for column, usual in (("slots", "0"), ("owner", ""), ("place", "")):
            if column not in known:  # of an earlier version
                with contextlib.suppress(sqlite3.OperationalError):  # another process was quicker
                    db.execute(f"ALTER TABLE jobs ADD COLUMN {column} TEXT NOT NULL DEFAULT '{usual}'")
        for statement in _INDEXES:
            db.execute(statement)
        yield db


def _do(work: Callable[[sqlite3.Connection], T]) -> T:
    """One transaction. A table that is damaged is set aside, made again from the run folders, and asked once more.

    Raises:
        MachineProblem: The disk is full, may not be written, and so on.
    """
    try:
        with machine_errors(_path()):
            _make()
            with _connect() as db:
                return work(db)
    except (sqlite3.Error, ValueError) as fault:
        if isinstance(fault, TltkError):
            raise
        _rebuild(fault)
    try:
        with _connect() as db:
            return work(db)
    except sqlite3.Error as fault:
        raise MachineProblem(f"The table of jobs, {_path()}, must be usable. It is not: {fault}.") from None


def _make() -> None:
    """Make the table where there is none.

    Raises:
        ValueError: It lost all that was in it.
    """
    path = _path()
    if not path.exists() or not path.stat().st_size:  # there or being made
        with home.hold_lock("table.lock"):
            if path.exists() and not path.stat().st_size:
                raise ValueError("it is empty")
            with _connect():
                pass


def _rebuild(fault: Exception) -> None:
    """Set the table aside and fill a new one with every run that waits or runs; time limits are lost.

    Raises:
        MachineProblem: It is the machine's fault, not the table's.
    """
    path = _path()
    number = OF_THE_MACHINE.get(getattr(fault, "sqlite_errorcode", 0) & 0xFF)
    if number is not None and not path.is_dir():
        raise MachineProblem.of(OSError(number, str(fault), str(path))) or fault
    with home.hold_lock("table.lock"):
        with contextlib.suppress(sqlite3.Error, ValueError, OSError):
            if path.stat().st_size:
                with _connect() as db:
                    _read(db)
                return  # another process has repaired it meanwhile
        if home.quarantine(path, str(fault)) is None:
            raise MachineProblem(f"The table of jobs, {path}, must be whole. It is damaged: {fault}. Remove it.")
        for ending in ("-wal", "-shm"):
            home.remove(path.with_name(path.name + ending))
        with _connect() as db:
            runs = index.find(states=ACTIVE)
            inside = {child for entry in index.find() for child in entry.children.split()}
            for entry in reversed(runs):
                _put_back(db, entry.run, entry.id in inside)


def _put_back(db: sqlite3.Connection, run: Run, is_child: bool) -> None:
    """Queue a run that waited; note the process of one that runs, unless a study trains it."""
    with contextlib.suppress(TltkError):
        light, status = not run.spec.trains, run.written_status()
        place = choice.address()
        status = status if place else run.judge_status(status)  # a cluster is asked before a run of its counts as lost
        if status.state == "waiting" and (run.path / "status.json").exists():
            db.execute(
                "INSERT OR IGNORE INTO jobs (run, state, light, place) VALUES (?, 'queued', ?, ?)",
                (run.id, light, place),
            )
        elif status.state == "running" and not is_child:
            slots = "" if place else "-1" if light else "0"
            db.execute(
                "INSERT OR IGNORE INTO jobs (run, state, light, slots, pid, born, started, place) "
                "VALUES (?, 'running', ?, ?, ?, ?, ?, ?)",
                (run.id, light, slots, status.pid, status.pid_born, time.time(), place),
            )


def _read(db: sqlite3.Connection) -> list[Job]:
    """All rows, in order.

    Raises:
        ValueError: One of them cannot be ours.
    """
    return in_turn(_select(db, ""), _served(db))


def _select(db: sqlite3.Connection, condition: str, *values: Any) -> list[Job]:
    """The rows for which this holds, by number.

    Raises:
        ValueError: One of them cannot be ours.
    """
    rows = db.execute(f"SELECT {FIELDS} FROM jobs {condition and 'WHERE'} {condition} ORDER BY number", values)
    found = [msgspec.convert(dict(zip(FIELDS.split(", "), row, strict=True)), Job) for row in rows.fetchall()]
    if not all(re.fullmatch(r"[\w-]{1,64}", job.run) for job in found):
        raise ValueError("a run has a name that none can have")
    return found


def _served(db: sqlite3.Connection) -> dict[tuple[str, int], int]:
    return {(person, light): n for person, light, n in db.execute("SELECT person, light, number FROM turns")}


def in_turn(jobs: Sequence[Job], served: Mapping[tuple[str, int], int]) -> list[Job]:
    """The jobs as they go: first come, first served, and where several people ask, one of each by turns.

    What runs comes first. Of those who wait, whoever has waited longest since a job of theirs began is next; each
    further job of a person comes a round later. So nobody waits for more than one job of each other person, however
    many somebody has queued. Questions (`light`) take turns of their own.

    Args:
        jobs: By number.
        served: (person, light) → number of the start of their last job; who has had none is not in it.
    """
    if len({job.person for job in jobs if job.state == "queued"}) < 2:
        return list(jobs)
    own: dict[tuple[str, int], list[Job]] = {}
    for job in jobs:
        if job.state == "queued":
            own.setdefault((job.person, job.light), []).append(job)
    place = {
        job.number: (1, turn, served.get(who, 0), several[0].number)
        for who, several in own.items()
        for turn, job in enumerate(several)
    }
    return sorted(jobs, key=lambda job: place.get(job.number, (0, 0, 0, job.number)))


def add(run: str, timeout: float = 0.0, light: bool = False, place: str = "") -> bool:
    """Put a run at the end of the queue, as whoever `asked_by` names; False when it is there already.

    Args:
        run: Run id.
        timeout: Seconds that it may take; 0 = any.
        light: Whether it runs beside the slots, as short questions do.
        place: Address of the cluster that is to run it; "" = this machine.
    """

    def work(db: sqlite3.Connection) -> bool:
        done = db.execute(
            "INSERT OR IGNORE INTO jobs (run, state, timeout, light, owner, place) VALUES (?, 'queued', ?, ?, ?, ?)",
            (run, timeout, light, _asking.get(), place),
        )
        _note_asker(db, run, _asking.get())
        return done.rowcount > 0

    return _do(work)


def move(run: str, places: int) -> bool:
    """Move a job that waits among those of the same person and sort that wait; whether its place is another now.

    Args:
        run: Run id.
        places: So many places later; negative = sooner. The queue's ends are the most.
    """

    def work(db: sqlite3.Connection) -> bool:
        db.execute("BEGIN IMMEDIATE")  # nobody else may change the order between the look and the write
        mine = next((job for job in _read(db) if job.run == run and job.state == "queued"), None)
        if mine is None:
            return False
        same = (mine.light, mine.person)
        waiting = [job for job in _read(db) if job.state == "queued" and (job.light, job.person) == same]
        waiting.sort(key=lambda job: job.number)
        order = [job.run for job in waiting if job.run != run]
        at = [job.run for job in waiting].index(run)
        order.insert(max(at + places, 0), run)
        db.executemany("UPDATE jobs SET number=? WHERE run=?", [(-job.number, job.run) for job in waiting])
        numbers = [job.number for job in waiting]
        db.executemany("UPDATE jobs SET number=? WHERE run=?", list(zip(numbers, order, strict=True)))
        return order[at] != run

    return _do(work)


@contextmanager
def asked_by(owner: str) -> Iterator[None]:
    """Inside, what is put into the queue is this person's."""
    token = _asking.set(owner)
    try:
        yield
    finally:
        _asking.reset(token)


def _note_asker(db: sqlite3.Connection, run: str, owner: str) -> None:
    if owner not in ("", HERE):
        db.execute("INSERT OR IGNORE INTO asked (run, owner) VALUES (?, ?)", (run, owner))


def note_asker(run: str, owner: str) -> None:
    """Note that this person asked for a run, which need not be queued for that: it may be done."""
    _do(lambda db: _note_asker(db, run, owner))


def askers_of(run: str) -> tuple[str, ...]:
    """The people of a room who asked for this run, as far as that is known."""
    words = "SELECT owner FROM asked WHERE run=? ORDER BY rowid"
    return _ask(lambda db: tuple(owner for (owner,) in db.execute(words, (run,))), ())


def asked_for_by(owner: str) -> set[str]:
    """The runs that this person of a room asked for."""
    return _ask(lambda db: {run for (run,) in db.execute("SELECT run FROM asked WHERE owner=?", (owner,))}, set())


def askers() -> dict[str, tuple[str, ...]]:
    """Run → the people of a room who asked for it, as far as that is known."""
    found: dict[str, tuple[str, ...]] = {}
    if _path().exists():
        for run, owner in _do(lambda db: db.execute("SELECT run, owner FROM asked ORDER BY rowid").fetchall()):
            found[run] = (*found.get(run, ()), owner)
    return found


def _ask(work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    """One transaction that only reads; `nothing` where there is no table, or none that could be written."""
    path = _path()
    return _do(work) if path.exists() and os.access(path.parent, os.W_OK) else nothing


def jobs() -> list[Job]:
    """All jobs that wait or run, in the order in which they go; where very many may wait, the others tell enough."""
    return _ask(_read, list[Job]())


def find(run: str) -> Job | None:
    """The job of this run, if it waits or runs."""
    found = _ask(lambda db: _select(db, "run=?", run), list[Job]())
    return found[0] if found else None


def watched() -> list[Job]:
    """What has to be looked at: the jobs that run, and those that were cancelled while they waited."""
    running, cancelled = "state='running'", "cancelled IS NOT NULL"  # by an index each, which OR would not use
    both = f"SELECT number FROM jobs WHERE {running} UNION SELECT number FROM jobs WHERE {cancelled}"
    return _ask(lambda db: _select(db, f"number IN ({both})"), list[Job]())


def is_empty() -> bool:
    """Whether nothing waits or runs."""
    return _ask(lambda db: db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is None, True)


# The owners of what waits, each found by a step in the index: to read it whole would take as long as it is.
_OWNERS = """
WITH RECURSIVE own(owner) AS (
    SELECT min(owner) FROM jobs WHERE state='queued' AND light=?1 AND place=?2
    UNION ALL
    SELECT (SELECT min(owner) FROM jobs WHERE state='queued' AND light=?1 AND place=?2 AND owner > own.owner)
    FROM own WHERE own.owner IS NOT NULL
)
SELECT owner FROM own WHERE owner IS NOT NULL
"""
_FIRST = """
number IN (SELECT number FROM jobs WHERE state='queued' AND light=? AND place=? AND owner=? ORDER BY number LIMIT ?)
"""
_CLUSTERS = "SELECT DISTINCT place FROM jobs WHERE state='queued' AND light IN (0, 1) AND place > ''"


def clusters() -> list[str]:
    """The addresses of the clusters for which something waits."""
    return _ask(lambda db: [place for (place,) in db.execute(_CLUSTERS)], list[str]())


def next_jobs(light: bool, most: int, place: str = "") -> list[Job]:
    """Those of the jobs that wait which begin next, in order: the first of `in_turn`.

    Args:
        light: Whether questions are meant, or all else.
        most: So many.
        place: Address of the cluster that is to run them; "" = this machine.
    """

    def work(db: sqlite3.Connection) -> list[Job]:
        # Whoever is among the first so many of all is among the first so many of their own.
        owners = [owner for (owner,) in db.execute(_OWNERS, (int(light), place))]
        found = [job for owner in owners for job in _select(db, _FIRST, int(light), place, owner, most)]
        return in_turn(sorted(found, key=lambda job: job.number), _served(db))[:most]

    return _ask(work, list[Job]())


def places() -> dict[str, bool]:
    """Run → whether its job runs (else it waits), of every job."""
    return _ask(lambda db: {run: state == "running" for run, state in db.execute("SELECT run, state FROM jobs")}, {})


def n_waiting(owner: str) -> int:
    """How many jobs of this owner wait."""
    words = "SELECT count(*) FROM jobs WHERE state='queued' AND light IN (0, 1) AND owner=?"
    return _ask(lambda db: int(db.execute(words, (owner,)).fetchone()[0]), 0)


def ahead(run: str) -> int:
    """How many trainings and studies run, or begin before this one; 0 of a question, and of what runs."""

    def work(db: sqlite3.Connection) -> int:
        mine = next(iter(_select(db, "run=?", run)), None)
        if mine is None or mine.light or mine.state == "running":
            return 0
        waiting: dict[str, list[int]] = {}  # person → how many wait, and the first number
        words = "SELECT owner, count(*), min(number) FROM jobs WHERE state='queued' AND light=0 GROUP BY owner"
        for owner, n, first in db.execute(words):
            person = "" if owner == HERE else owner
            known = waiting.get(person, [0, first])
            waiting[person] = [known[0] + n, min(known[1], first)]
        served = _served(db)
        own = (mine.owner,) if mine.person else ("", HERE)
        earlier: int = sum(
            db.execute(
                "SELECT count(*) FROM jobs WHERE state='queued' AND light=0 AND owner=? AND number < ?",
                (owner, mine.number),
            ).fetchone()[0]
            for owner in own
        )
        turn = {person: (served.get((person, 0), 0), first) for person, (_, first) in waiting.items()}
        # Of each other person as many as of one's own, and one more of those whose turn comes before.
        others = sum(
            min(n, earlier + (turn[person] < turn[mine.person]))
            for person, (n, _) in waiting.items()
            if person != mine.person
        )
        running = db.execute("SELECT count(*) FROM jobs WHERE state='running' AND light=0").fetchone()[0]
        return int(running + earlier + others)

    return _ask(work, 0)


def mark_started(run: str, slots: Sequence[int], pid: int, born: str | float) -> None:
    """Note that a job has a process now.

    Args:
        run: Run id.
        slots: Numbers of the slots that it takes; −1 = beside the slots.
        pid: Of its process.
        born: When that process began, as `tltk.runs.process` tells it: process numbers are reused.
    """

    def work(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE jobs SET state='running', slots=?, pid=?, born=?, started=? WHERE run=?",
            (" ".join(map(str, slots)), pid, born, time.time(), run),
        )
        db.execute(
            "INSERT OR REPLACE INTO turns SELECT CASE owner WHEN ? THEN '' ELSE owner END, light, "
            "(SELECT coalesce(max(number), 0) + 1 FROM turns) FROM jobs WHERE run=?",
            (HERE, run),
        )

    _do(work)


def _write(words: str, values: tuple[Any, ...]) -> None:
    _do(lambda db: db.execute(words, values))


def put_back(run: str) -> None:
    """Let a job whose process was lost wait again, at its old place."""
    _write("UPDATE jobs SET state='queued', slots='', pid=NULL, born=NULL, started=NULL WHERE run=?", (run,))


def cancel(run: str) -> None:
    """Record a request to stop a job; the time of the first one counts."""
    _write("UPDATE jobs SET cancelled=coalesce(cancelled, ?) WHERE run=?", (time.time(), run))


def remove(run: str) -> None:
    """Take a job off the table: it ended."""
    _write("DELETE FROM jobs WHERE run=?", (run,))


# -- a pause ---------------------------------------------------------------------------------------------


class _Pause(msgspec.Struct, frozen=True):
    """Whose pause it is: it ends with that process."""

    pid: int
    born: str | float


def pause(is_paused: bool) -> None:
    """Begin no training until told otherwise, or until this process has ended; what runs goes on, questions too."""
    path = home.home() / "paused.json"
    if is_paused:
        pid = os.getpid()
        home.write_atomic(path, msgspec.json.encode(_Pause(pid, identity(pid))))
    else:
        home.remove(path)


def is_paused() -> bool:
    """Whether trainings have to wait."""
    path = home.home() / "paused.json"
    found = home.read_json(path, _Pause) if path.exists() else None
    return found is not None and is_alive(found.pid, found.born)
