"""The table of jobs: what waits, what runs, as which process. One SQLite file, many readers and writers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tltk import home

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of the queue
    run TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,                       -- queued · running
    timeout REAL NOT NULL DEFAULT 0,           -- seconds; 0 = none
    light INTEGER NOT NULL DEFAULT 0,          -- a question of seconds, which no training holds up
    slot INTEGER,
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
    state: str
    timeout: float
    light: bool
    slot: int | None
    pid: int | None
    born: float | None
    started: float | None
    cancelled: float | None


@contextmanager
def _open() -> Iterator[sqlite3.Connection]:
    """A connection for one short transaction; whoever else writes is waited for."""
    with closing(sqlite3.connect(home.home() / "tltk.db", timeout=20)) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(_TABLE)
        yield db


def add(run: str, timeout: float = 0.0, light: bool = False) -> bool:
    """Put a run at the end of the queue; False when it is there already."""
    with _open() as db:
        done = db.execute(
            "INSERT OR IGNORE INTO jobs (run, state, timeout, light) VALUES (?, 'queued', ?, ?)",
            (run, timeout, light),
        )
        return done.rowcount > 0


def jobs() -> list[Job]:
    """All jobs that wait or run, in order."""
    with _open() as db:
        rows = db.execute(
            "SELECT number, run, state, timeout, light, slot, pid, born, started, cancelled FROM jobs ORDER BY number"
        )
        return [Job(*row) for row in rows]


def find(run: str) -> Job | None:
    """The job of this run, if it waits or runs."""
    return next((job for job in jobs() if job.run == run), None)


def started(run: str, slot: int, pid: int, born: float) -> None:
    """Note that a job has a process now."""
    with _open() as db:
        db.execute(
            "UPDATE jobs SET state='running', slot=?, pid=?, born=?, started=? WHERE run=?",
            (slot, pid, born, time.time(), run),
        )


def cancel(run: str) -> None:
    """Note that somebody asked a job to stop; the first time counts."""
    with _open() as db:
        db.execute("UPDATE jobs SET cancelled=coalesce(cancelled, ?) WHERE run=?", (time.time(), run))


def remove(run: str) -> None:
    """Take a job off the table: it ended."""
    with _open() as db:
        db.execute("DELETE FROM jobs WHERE run=?", (run,))
