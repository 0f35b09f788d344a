"""The table of jobs: what waits, what runs, as which process. One SQLite file, many readers and writers.

It can be lost: where it is damaged, it is set aside and made again from the run folders.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from tltk import home
from tltk.errors import MachineProblem, TltkError, machine_errors
from tltk.runs import index
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
    born REAL,
    started REAL,
    cancelled REAL
)
"""


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
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(_TABLE)
        if "slots" not in {row[1] for row in db.execute("PRAGMA table_info(jobs)")}:  # of an earlier version
            with contextlib.suppress(sqlite3.OperationalError):  # another process was quicker
                db.execute("ALTER TABLE jobs ADD COLUMN slots TEXT NOT NULL DEFAULT '0'")
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
        light, status = not run.spec.trains, run.status
        if status.state == "waiting" and (run.path / "status.json").exists():
            db.execute("INSERT OR IGNORE INTO jobs (run, state, light) VALUES (?, 'queued', ?)", (run.id, light))
        elif status.state == "running" and not is_child:
            db.execute(
                "INSERT OR IGNORE INTO jobs (run, state, light, slots, pid, born, started) "
                "VALUES (?, 'running', ?, ?, ?, ?, ?)",
                (run.id, light, "-1" if light else "0", status.pid, status.pid_born, time.time()),
            )


def _read(db: sqlite3.Connection) -> list[Job]:
    """All rows.

    Raises:
        ValueError: One of them cannot be ours.
    """
    rows = db.execute(f"SELECT {FIELDS} FROM jobs ORDER BY number").fetchall()
    found = [msgspec.convert(dict(zip(FIELDS.split(", "), row, strict=True)), Job) for row in rows]
    if not all(re.fullmatch(r"[\w-]{1,64}", job.run) for job in found):
        raise ValueError("a run has a name that none can have")
    return found


def add(run: str, timeout: float = 0.0, light: bool = False) -> bool:
    """Put a run at the end of the queue; False when it is there already.

    Args:
        run: Run id.
        timeout: Seconds that it may take; 0 = any.
        light: Whether it runs beside the slots, as short questions do.
    """

    def work(db: sqlite3.Connection) -> bool:
        done = db.execute(
            "INSERT OR IGNORE INTO jobs (run, state, timeout, light) VALUES (?, 'queued', ?, ?)",
            (run, timeout, light),
        )
        return done.rowcount > 0

    return _do(work)


def move(run: str, places: int) -> bool:
    """Move a job that waits among those of its sort that wait; whether its place is another now.

    Args:
        run: Run id.
        places: So many places later; negative = sooner. The queue's ends are the most.
    """

    def work(db: sqlite3.Connection) -> bool:
        db.execute("BEGIN IMMEDIATE")  # nobody else may change the order between the look and the write
        mine = next((job for job in _read(db) if job.run == run and job.state == "queued"), None)
        if mine is None:
            return False
        waiting = [job for job in _read(db) if job.state == "queued" and job.light == mine.light]
        order = [job.run for job in waiting if job.run != run]
        at = [job.run for job in waiting].index(run)
        order.insert(max(at + places, 0), run)
        db.executemany("UPDATE jobs SET number=? WHERE run=?", [(-job.number, job.run) for job in waiting])
        numbers = [job.number for job in waiting]
        db.executemany("UPDATE jobs SET number=? WHERE run=?", list(zip(numbers, order, strict=True)))
        return order[at] != run

    return _do(work)


def jobs() -> list[Job]:
    """All jobs that wait or run, in order."""
    path = _path()
    if not path.exists() or not os.access(path.parent, os.W_OK):
        return []  # nothing runs in a home that cannot be written
    return _do(_read)


def find(run: str) -> Job | None:
    """The job of this run, if it waits or runs."""
    return next((job for job in jobs() if job.run == run), None)


def mark_started(run: str, slots: Sequence[int], pid: int, born: str | float) -> None:
    """Note that a job has a process now.

    Args:
        run: Run id.
        slots: Numbers of the slots that it takes; −1 = beside the slots.
        pid: Of its process.
        born: When that process began, as `tltk.runs.process` tells it: process numbers are reused.
    """
    _write(
        "UPDATE jobs SET state='running', slots=?, pid=?, born=?, started=? WHERE run=?",
        (" ".join(map(str, slots)), pid, born, time.time(), run),
    )


def _write(words: str, values: tuple[Any, ...]) -> None:
    _do(lambda db: db.execute(words, values))


def cancel(run: str) -> None:
    """Record a request to stop a job; the time of the first one counts."""
    _write("UPDATE jobs SET cancelled=coalesce(cancelled, ?) WHERE run=?", (time.time(), run))


def remove(run: str) -> None:
    """Take a job off the table: it ended."""
    _write("DELETE FROM jobs WHERE run=?", (run,))
