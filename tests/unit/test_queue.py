"""The table of jobs under several processes at once."""

from __future__ import annotations

import itertools
import operator
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tltk import home
from tltk.jobs import Local, queue
from tltk.jobs.supervisor import Supervisor


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


@pytest.mark.parametrize("seed", range(8))
def test_who_comes_next_is_told_without_reading_all_as_by_reading_all(seed: int) -> None:
    draw = random.Random(seed)
    owners = ["", queue.HERE, "a", "b", "c"][: draw.randint(1, 5)]
    number = operator.attrgetter("number")
    places = ["", "ray://a", "ray://b"][: draw.randint(1, 3)]
    for i in range(draw.randint(1, 40)):
        with queue.asked_by(draw.choice(owners)):
            queue.add(f"r{i}", light=draw.random() < 0.3, place=draw.choice(places))
        if draw.random() < 0.3:
            queue.mark_started(draw.choice(queue.jobs()).run, [0], 1, 0.0)
    if draw.random() < 0.5:
        queue.cancel(draw.choice(queue.jobs()).run)
    every = queue.jobs()
    waiting = [job for job in every if job.state == "queued"]
    for light, cluster in itertools.product((False, True), places):
        there = [job for job in waiting if job.light == light and job.place == cluster]
        whole = queue.next_jobs(light, 100, cluster)  # people take turns at each place by itself
        assert whole == there if len(places) == 1 else sorted(whole, key=number) == sorted(there, key=number)
        for most in (0, 1, 3):
            assert queue.next_jobs(light, most, cluster) == whole[:most]
    assert set(queue.clusters()) == {job.place for job in waiting if job.place}
    running = sum(job.state == "running" and not job.light for job in every)
    order = [job.run for job in waiting if not job.light]
    for job in every:
        place = running + order.index(job.run) if job.run in order else 0
        assert queue.ahead(job.run) == place, job
        assert queue.find(job.run) == job
    assert {job.run for job in queue.watched()} == {job.run for job in every if job.state == "running" or job.cancelled}
    assert queue.places() == {job.run: job.state == "running" for job in every}
    for owner in owners:
        assert queue.n_waiting(owner) == sum(job.owner == owner for job in waiting)
    assert not queue.is_empty()
    for job in every:
        queue.remove(job.run)
    assert queue.is_empty() and queue.ahead(every[0].run) == 0


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
import pytest

from tltk import home
from tltk.jobs import Local, queue
from tltk.jobs.supervisor import Supervisor
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


# -- several people ------------------------------------------------------------------------------------------------


def ask(person: str, *runs: str, light: bool = False) -> None:
    for run in runs:
        with queue.asked_by(person):
            queue.add(run, light=light)


def start_next(light: bool = False) -> str:
    """Begin the next job as the supervisor picks it, end it, and say whose it was."""
    job = next(one for one in queue.jobs() if one.state == "queued" and bool(one.light) == light)
    queue.mark_started(job.run, [-1 if light else 0], 1, 1.0)
    queue.remove(job.run)
    return job.person


def test_one_with_fifty_jobs_holds_up_none_of_thirty() -> None:
    ask("greedy", *(f"g-{i}" for i in range(50)))
    people = [f"p{i:02}" for i in range(29)]
    for turn in range(3):
        for person in people:
            ask(person, f"{person}-{turn}")
    for _ in range(3):
        assert sorted(start_next() for _ in range(30)) == ["greedy", *people], "one of each in every round"
    assert [start_next() for _ in range(47)] == ["greedy"] * 47
    assert queue.jobs() == []


def test_the_supervisor_begins_one_of_each_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def start(self: Supervisor, job: queue.Job, slots: list[int]) -> None:
        queue.mark_started(job.run, slots, 1, 1.0)
        queue.remove(job.run)
        begun.append(job.person)

    monkeypatch.setattr(Supervisor, "_start", start)
    monkeypatch.setenv("TLTK_SPARE", "0")
    monkeypatch.setenv("TLTK_SLOTS", "2")
    supervisor = Supervisor()
    people = [f"p{i:02}" for i in range(30)]
    for number, person in enumerate(people):
        ask(person, *(f"{person}-{i}" for i in range(50 if number == 0 else 1)))
    for _ in range(20):
        supervisor.tick()
    assert len(begun) == 40 and sorted(begun[:30]) == people and set(begun[30:]) == {"p00"}


def test_whoever_comes_late_waits_for_one_job_of_each_at_most() -> None:
    ask("a", *(f"a-{i}" for i in range(9)))
    ask("b", *(f"b-{i}" for i in range(9)))
    assert [start_next() for _ in range(5)] == ["a", "b", "a", "b", "a"]
    ask("c", "c-0", "c-1")
    assert [start_next() for _ in range(6)] == ["c", "b", "a", "c", "b", "a"]
    ask("c", "c-2")  # who has just been served is not served again at once
    assert [start_next() for _ in range(3)] == ["c", "b", "a"]


def test_what_is_shown_as_the_order_is_the_order_and_several_slots_serve_several_people() -> None:
    ask("a", "a-0", "a-1", "a-2")
    ask("b", "b-0", "b-1")
    ask("", "s-0")  # the shell of whoever runs the room
    assert [job.run for job in queue.jobs()] == ["a-0", "b-0", "s-0", "a-1", "b-1", "a-2"]
    queue.mark_started("a-0", [0], 1, 1.0)
    queue.mark_started("b-0", [1], 1, 1.0)
    assert [job.run for job in queue.jobs()] == ["a-0", "b-0", "s-0", "a-1", "b-1", "a-2"]
    assert Local().ahead("a-1") == 3


def test_questions_take_turns_of_their_own() -> None:
    ask("a", "a-0", "a-1")
    ask("b", "b-0")
    ask("a", "q-0", light=True)
    ask("b", "q-1", light=True)
    assert start_next(light=True) == "a"
    assert [start_next() for _ in range(3)] == ["a", "b", "a"], "a question costs nobody a training"


def test_for_one_person_the_pages_and_the_shell_are_one_queue() -> None:
    ask(queue.HERE, "a", "b")
    ask("", "c")
    ask(queue.HERE, "d")
    queue.mark_started("a", [0], 1, 1.0)
    assert [job.run for job in queue.jobs()] == ["a", "b", "c", "d"]
    assert queue.askers() == {}


def test_who_asked_is_known_after_the_end() -> None:
    assert queue.askers() == {}
    ask("a", "r")
    ask("b", "r")
    queue.remove("r")
    queue.note_asker("r", "c")
    queue.note_asker("r", "a")
    assert queue.askers() == {"r": ("a", "b", "c")}


def test_a_pause_ends_with_whoever_made_it() -> None:
    assert not queue.is_paused()
    queue.pause(True)
    assert queue.is_paused()
    queue.pause(False)
    assert not queue.is_paused()
    words = "from tltk.jobs import queue; queue.pause(True); assert queue.is_paused()"
    subprocess.run([sys.executable, "-c", words], check=True)
    assert (home.home() / "paused.json").exists() and not queue.is_paused()


def test_a_pause_holds_trainings_up_and_no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(Supervisor, "_start", lambda self, job, slots: begun.append(job.run))
    monkeypatch.setenv("TLTK_SPARE", "0")
    supervisor = Supervisor()
    ask("a", "t")
    ask("a", "q", light=True)
    queue.pause(True)
    supervisor.tick()
    assert begun == ["q"]
    queue.pause(False)
    supervisor.tick()
    assert "t" in begun
