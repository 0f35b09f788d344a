"""The table of jobs under several processes at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from tltk import home
from tltk.jobs import queue


def test_first_in_first_out_and_once_each() -> None:
    assert queue.jobs() == []
    assert queue.add("b", timeout=3.0)
    assert queue.add("a", light=True)
    assert not queue.add("b")
    jobs = queue.jobs()
    assert [job.run for job in jobs] == ["b", "a"]
    assert [job.state for job in jobs] == ["queued", "queued"]
    assert (jobs[0].timeout, bool(jobs[0].light), bool(jobs[1].light)) == (3.0, False, True)
    assert jobs[0].slots == ""
    assert queue.find("a") == jobs[1]
    assert queue.find("c") is None


def test_what_waits_can_change_places() -> None:
    for run in "abcde":
        queue.add(run, light=run == "c")
    queue.mark_started("a", [0], 1, 0.0)

    def order() -> str:
        return "".join(job.run for job in queue.jobs())

    assert queue.move("e", -1)
    assert [run for run in order() if run not in "ac"] == ["b", "e", "d"]
    assert queue.move("d", -100) and [run for run in order() if run not in "ac"] == ["d", "b", "e"]
    assert queue.move("d", 1) and [run for run in order() if run not in "ac"] == ["b", "d", "e"]
    assert queue.move("b", 100) and [run for run in order() if run not in "ac"] == ["d", "e", "b"]
    assert not queue.move("d", -1) and not queue.move("b", 1), "they are at the ends"
    assert not queue.move("a", 1) and not queue.move("x", 1), "what runs, or is not there, does not move"
    assert order()[0] == "a" and order().index("c") == 2, "questions keep their place"
    queue.add("f")
    assert order()[-1] == "f"


def test_started_cancelled_removed() -> None:
    queue.add("a")
    queue.mark_started("a", [1, 2], 123, 4.5)
    job = queue.find("a")
    assert job is not None
    assert (job.state, job.slots, job.pid, job.born, job.cancelled) == ("running", "1 2", 123, 4.5, None)
    assert job.started is not None
    assert abs(time.time() - job.started) < 5
    queue.cancel("a")
    first = queue.find("a")
    time.sleep(0.01)
    queue.cancel("a")
    assert first is not None
    assert first.cancelled is not None
    assert queue.find("a") == first  # the first time counts
    queue.remove("a")
    queue.remove("a")
    queue.cancel("a")
    assert queue.jobs() == []


def test_a_run_that_comes_back_goes_to_the_end() -> None:
    for name in ("a", "b"):
        queue.add(name)
    queue.remove("a")
    queue.add("a")
    assert [job.run for job in queue.jobs()] == ["b", "a"]


WORK = """
import sys
from tltk import home
from tltk.jobs import queue
me = sys.argv[1]
for i in range(25):
    queue.add(f"{me}-{i}")
    queue.add(f"all-{i}")
    queue.cancel(f"all-{i}")
    queue.mark_started(f"{me}-{i}", [0], 1, 1.0)
    if i % 2:
        queue.remove(f"{me}-{i}")
"""


def test_four_processes_at_once_lose_nothing() -> None:
    workers = [subprocess.Popen([sys.executable, "-c", WORK, str(k)], env=os.environ.copy()) for k in range(4)]
    assert [w.wait(60) for w in workers] == [0, 0, 0, 0]
    jobs = queue.jobs()
    names = [job.run for job in jobs]
    assert len(names) == len(set(names))
    assert set(names) == {f"{k}-{i}" for k in range(4) for i in range(0, 25, 2)} | {f"all-{i}" for i in range(25)}
    assert [job.number for job in jobs] == sorted(job.number for job in jobs)
    assert all(job.cancelled for job in jobs if job.run.startswith("all"))
    for k in range(4):
        own = [name for name in names if name.startswith(f"{k}-")]
        assert own == [f"{k}-{i}" for i in range(0, 25, 2)]


def test_a_table_of_an_earlier_version_keeps_its_jobs() -> None:
    queue.add("a", timeout=7.0)
    queue.add("b")
    with closing(sqlite3.connect(home.home() / "tltk.db")) as db, db:
        db.execute("ALTER TABLE jobs DROP COLUMN slots")
        db.execute("ALTER TABLE jobs ADD COLUMN slot INTEGER")
        db.execute("UPDATE jobs SET state='running', slot=0, pid=1, born=1.0, started=1.0 WHERE run='a'")
    first, second = queue.jobs()
    assert (first.state, first.slots, first.timeout, second.state) == ("running", "0", 7.0, "queued")
    queue.mark_started("b", [1], 2, 2.0)
    found = queue.find("b")
    assert found is not None
    assert found.slots == "1"
