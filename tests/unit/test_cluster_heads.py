"""A head that is gone, a node with another disk, and the children of a study, as a stub of Ray's dashboard tells them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.ray_stub import RayStub, ray_stub
from tltk import home
from tltk.errors import RunProblem
from tltk.jobs import Local, executor, listing, queue
from tltk.jobs.cluster import Cluster, hear, tell_unheard
from tltk.jobs.ray import RayJobs
from tltk.jobs.remote import Remote
from tltk.jobs.supervisor import Supervisor
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.callbacks import Stopped


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayStub]:
    """A cluster to which new runs go; no supervisor is started, and nobody waits long."""
    monkeypatch.setattr("tltk.jobs.local.ensure_supervisor", lambda: None)
    for name in ("remote.UNHEARD_SECONDS", "ray.CHILD_SECONDS", "ray.STUDY_LOOK_SECONDS", "cluster.LOOK_SECONDS"):
        monkeypatch.setattr(f"tltk.jobs.{name}", 0.0)
    monkeypatch.setattr(Cluster.__init__, "__defaults__", (0.0, 5.0))
    with ray_stub() as found:
        monkeypatch.setenv("TLTK_EXECUTOR", found.address)
        yield found


def begun(remote: Remote, silent: float) -> Run:
    """A training that another machine runs, whose last sign of life is so many seconds ago."""
    run = executor().submit(TransferSpec())
    remote.hand_over(queue.jobs()[0], run)
    assert remote.lives(queue.jobs()[0])
    run.write_status(state="running", message="", host="node-b", pid=12, pid_born="x")
    age(run, silent)
    return run


def age(run: Run, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(run.path / "status.json", (at, at))


# -- the head is gone --------------------------------------------------------------------------------------------


def test_a_run_of_which_nothing_is_heard_is_told_as_waiting_and_goes_on_with_the_next_head(
    stub: RayStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote()
    run = begun(remote, silent=100)
    [job] = queue.jobs()
    stub.page(503)  # nobody knows anything
    assert remote.lives(job) and remote.lives(job)
    assert executor().state(run.id) == "running", "an outage of seconds says nothing"
    monkeypatch.setattr("tltk.jobs.remote.SILENT_SECONDS", 0.0)
    assert remote.lives(job) and remote.lives(job)
    status = run.status
    assert executor().state(run.id) == "waiting" == status.state == listing.runs()[0].state
    assert "whether it still runs is not known" in status.message and "its head is up" in status.message
    assert 99 < run.silence() < 110, "to say so is no sign of life"
    stub.says.clear()
    stub.jobs.clear()  # another head, at the same address
    assert not remote.lives(job) and remote.goes_on(job)
    assert [one.state for one in queue.jobs()] == ["queued"] and "goes on from its last" in run.status.message
    remote.hand_over(queue.jobs()[0], run)
    assert len(stub.handed) == 2 and executor().state(run.id) == "waiting"


def test_a_run_that_shows_signs_of_life_runs_whatever_its_head_does(
    stub: RayStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tltk.jobs.remote.SILENT_SECONDS", 0.0)
    remote = Remote()
    run = begun(remote, silent=30)
    [job] = queue.jobs()
    stub.page(503)
    assert remote.lives(job) and remote.lives(job)
    assert executor().state(run.id) == "running"
    age(run, 100)
    assert remote.lives(job) and executor().state(run.id) == "waiting"
    run.beat()  # its disk was away, too
    assert remote.lives(job)
    assert executor().state(run.id) == "running" and run.status.message == ""


def test_one_of_which_nothing_is_heard_can_be_stopped(stub: RayStub) -> None:
    remote = Remote()
    run = begun(remote, silent=100)
    stub.page(503)
    remote.lives(queue.jobs()[0])
    tell_unheard(run, "http://head:8265")
    executor().cancel(run.id)
    remote.press(queue.jobs()[0], is_late=False)
    if queue.jobs():  # pressed while it was asked once more
        remote._quiet_until[stub.address] = time.monotonic() + 60
        remote.press(queue.jobs()[0], is_late=False)
    assert queue.jobs() == [] and run.status.state == "stopped"
    assert "did not answer" in run.status.message and run.stop_file.exists(), "should it live, it heeds that"


def test_a_run_that_nobody_began_is_not_taken_for_one_that_lives(stub: RayStub) -> None:
    run = executor().submit(TransferSpec())
    Remote().hand_over(queue.jobs()[0], run)
    hear(run)
    assert run.status.state == "waiting" and run.written_status().pid == 0


@pytest.mark.parametrize("had_begun", [False, True])
def test_what_ray_gives_up_is_handed_over_as_often_as_it_takes(stub: RayStub, had_begun: bool) -> None:
    supervisor = Supervisor()
    supervisor.keeps_spare = False
    if had_begun:
        run = begun(supervisor.remote, silent=100)
        stub.jobs.clear()  # with its head
    else:
        run = executor().submit(TransferSpec())

    def tick_until_handed(n: int) -> None:
        until(lambda: supervisor.tick() and len(stub.handed) >= n, 10)

    until(lambda: supervisor.tick() and stub.jobs and run.written_status().state == "waiting", 10)
    for n in range(1, 4):
        handed = len(stub.handed)
        [job] = stub.jobs.values()
        job.update(status="FAILED", error_type="JOB_SUPERVISOR_ACTOR_START_TIMEOUT")
        tick_until_handed(handed + 1)
        stub.jobs = dict(list(stub.jobs.items())[-1:])
        assert executor().state(run.id) == "waiting", n
    assert queue.find(run.id) is not None


# -- another disk on a node --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [("FAILED", 2), ("SUCCEEDED", 0)], ids=["no folder", "a folder of its own"]
)
def test_a_node_without_the_disk_is_a_sentence(stub: RayStub, status: str, code: int) -> None:
    run, supervisor = executor().submit(TransferSpec()), Supervisor()
    supervisor.remote.hand_over(queue.jobs()[0], run)
    [name] = stub.jobs
    said = "sh: 1: cannot create log.txt: Directory nonexistent"
    stub.jobs[name].update(status=status, driver_exit_code=code, message=said)
    supervisor._watch(queue.jobs()[0])
    assert queue.jobs() == [] and run.status.state == "failed"
    assert f"see {home.home()} at that very path" in run.status.message and said in run.status.message


def test_a_job_that_runs_on_a_disk_of_its_own_is_told(stub: RayStub, monkeypatch: pytest.MonkeyPatch) -> None:
    remote, run = Remote(), executor().submit(TransferSpec())
    remote.hand_over(queue.jobs()[0], run)
    [name] = stub.jobs
    stub.jobs[name]["status"] = "RUNNING"
    assert remote.lives(queue.jobs()[0]) and "Handed to the cluster" in run.status.message
    monkeypatch.setattr("tltk.jobs.cluster.UNSEEN_SECONDS", 0.0)
    assert remote.lives(queue.jobs()[0])
    assert run.status.state == "waiting" and "may have another disk at that path" in run.status.message
    written = (run.path / "status.json").stat().st_mtime_ns
    assert remote.lives(queue.jobs()[0]) and (run.path / "status.json").stat().st_mtime_ns == written, "once is enough"


# -- the children of a study -------------------------------------------------------------------------------------

STUDY = CompareSpec(
    DataSpec("digits", n=200, size=16), DataSpec("rendered_digits", n=200, size=16), net=NetSpec("test_resnet"), seeds=3
)


def study_of(n: int) -> tuple[Run, list[Run]]:
    study, children = Run.create(STUDY), [Run.create(TransferSpec(seed=seed)) for seed in range(n)]
    study.write_children([Child(run.id, "scratch", "measure", seed, 1e-3) for seed, run in enumerate(children)])
    return study, children


def train_all(study: Run, children: list[Run], look: Callable[[int], None]) -> list[str]:
    """Train them on the stub; `look` is called with the number of each round, and does what others would do."""
    ended, rounds = list[str](), iter(range(200))

    def check() -> None:
        look(next(rounds))

    trainer: Any = SimpleNamespace(owner=study, check=check)
    RayJobs().train_all(trainer, children, lambda run: ended.append(run.id))
    return ended


def finish(stub: RayStub, run: Run, state: str = "done") -> None:
    """As the job of a run that ends by itself."""
    if state == "done":
        home.write_atomic(run.path / "result.json", '{"accuracy": 0.5}')
    run.write_status(state=state, message="", pid=1, host="node-b")
    for job in stub.jobs.values():
        if job["metadata"]["tltk_run"] == run.id:
            job.update(status="SUCCEEDED", driver_exit_code=0)


def test_what_a_study_has_yet_to_train_waits_and_what_ended_leaves_rays_list(stub: RayStub) -> None:
    study, children = study_of(10)  # more than may wait in Ray at a time

    def look(n: int) -> None:
        if n == 2:
            assert len(stub.handed) == 8
            assert {Local().state(run.id) for run in children} == {"waiting"}
            assert {entry.state for entry in listing.runs() if entry.id != study.id} == {"waiting"}
        if n >= 2:
            for name in list(stub.jobs):
                finish(stub, Run.at(stub.jobs[name]["metadata"]["tltk_run"]))

    assert sorted(train_all(study, children, look)) == sorted(run.id for run in children)
    Cluster(stub.address).leave_study(study)
    assert stub.jobs == {} and len(stub.handed) == 10


def test_a_child_that_is_stopped_stops_its_study_and_is_not_begun_again(stub: RayStub) -> None:
    study, (first, second) = study_of(2)

    def look(n: int) -> None:
        if n == 2:
            first.write_status(state="running", pid=12, host="node-b", message="")
            executor().cancel(first.id)
            assert first.stop_file.exists()
            home.remove(first.stop_file)  # heeded
            finish(stub, first, "stopped")

    with pytest.raises(Stopped):
        train_all(study, [first, second], look)
    assert len(stub.handed) == 2 and first.status.state == "stopped" == second.status.state
    assert [job["status"] for job in stub.jobs.values() if job["metadata"]["tltk_run"] == second.id] == ["STOPPED"]


def test_a_child_can_be_stopped_before_it_begins(stub: RayStub) -> None:
    study, (first, second) = study_of(2)

    def look(n: int) -> None:
        if n == 2:
            executor().cancel(second.id)

    with pytest.raises(Stopped):
        train_all(study, [first, second], look)
    assert {job["status"] for job in stub.jobs.values()} == {"STOPPED"}
    assert "before it began" in second.status.message and not second.stop_file.exists()
    assert {run.status.state for run in (first, second)} == {"stopped"}


def test_a_child_that_another_study_had_stopped_is_begun_again(stub: RayStub) -> None:
    study, (child,) = study_of(1)
    Cluster(stub.address).submit(child, study="0123456789ab")

    def look(n: int) -> None:
        if n == 2:
            [job] = stub.jobs.values()
            job.update(status="STOPPED")
            child.write_status(state="stopped", message="Stopped by request; it can be resumed.", pid=0)
        if n == 10:
            assert len(stub.handed) == 2
            finish(stub, child)

    assert train_all(study, [child], look) == [child.id]


def test_a_study_that_fails_leaves_no_child_that_waits_for_ever(stub: RayStub) -> None:
    study, children = study_of(10)

    def look(n: int) -> None:
        if n == 2:
            children[0].write_status(state="failed", message="The disk is full.", pid=1, host="node-b")

    with pytest.raises(RunProblem, match="The disk is full"):
        train_all(study, children, look)
    assert {run.status.state for run in children[1:]} == {"stopped"}


def test_a_study_that_was_killed_leaves_no_child_that_waits_for_ever(stub: RayStub) -> None:
    study, (child, shared) = study_of(2)
    cluster = Cluster(stub.address)
    cluster.submit(child, study.id)
    cluster.submit(shared, "0123456789ab")  # another study wants it
    Cluster(stub.address).leave_study(study)
    assert child.status.state == "stopped" and "can be resumed" in child.status.message
    assert shared.status.state == "waiting"
    assert [job["status"] for job in stub.jobs.values()] == ["STOPPED", "PENDING"]


def test_a_child_of_which_nothing_is_heard_is_told_as_waiting(stub: RayStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.jobs.ray.SILENT_SECONDS", 0.0)
    study, (child,) = study_of(1)

    def look(n: int) -> None:
        if n == 2:
            child.write_status(state="running", pid=12, host="node-b", message="")
            age(child, 100)
            stub.page(503)
        if n == 6:
            assert Local().state(child.id) == "waiting" and "is not known" in child.status.message
            stub.says.clear()
            child.beat()
        if n == 9:
            assert Local().state(child.id) == "running"
            finish(stub, child)

    for name in stub.jobs:
        stub.jobs[name]["status"] = "RUNNING"
    assert train_all(study, [child], look) == [child.id]
