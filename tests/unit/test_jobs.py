"""The supervisor's decisions, one by one, with workers that are only written down. Real ones: contract/."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import psutil
import pytest
import torch
from filelock import FileLock, Timeout

from tests.support.executors import Idle
from tltk import home, jobs
from tltk.analyses.describe.spec import DescribeSpec
from tltk.errors import RunProblem
from tltk.jobs import executor, queue, supervisor, worker
from tltk.jobs.local import supervisor_lock
from tltk.results.training import TrainingResult
from tltk.runs.process import is_held
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.loop import Training

BORN = psutil.Process().create_time()
SHIPPED = NetSpec("resnet10t", "store:resnet10t_formulas")


class FakeWorker:
    """A process that lives until `code` is set; its number is ours, so it looks alive."""

    made: list[FakeWorker] = []

    def __init__(self) -> None:
        self.code: int | None = None
        self.pid, self.born = os.getpid(), BORN
        self.process = SimpleNamespace(pid=self.pid, poll=lambda: self.code, stdin=None)
        self.given: tuple[Run, dict[str, str]] | None = None
        FakeWorker.made.append(self)

    def give(self, run: Run, environment: dict[str, str]) -> None:
        self.given = (run, environment)


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWorker.made = []
    monkeypatch.setattr(supervisor, "Worker", FakeWorker)
    monkeypatch.setattr(supervisor, "slots", lambda: [{"TLTK_THREADS": "2"}])
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    monkeypatch.setenv("TLTK_SPARE", "0")


def training(seed: int = 0) -> Run:
    return executor().submit(TransferSpec(seed=seed))


def test_one_slot_one_training_in_order_and_questions_beside_it() -> None:
    first, second = training(1), training(2)
    question = executor().submit(DescribeSpec())
    boss = supervisor.Supervisor()
    assert boss.tick()
    assert [w.given and w.given[0] for w in FakeWorker.made] == [first, question]
    assert FakeWorker.made[0].given == (first, {"TLTK_THREADS": "2"})
    assert FakeWorker.made[1].given == (question, {"TLTK_THREADS": "2"})
    boss.tick()
    assert len(FakeWorker.made) == 2
    assert first.status.state == "running"
    assert [job.state for job in queue.jobs()] == ["running", "queued", "running"]

    first.write_status(state="done")
    FakeWorker.made[0].code = 0
    boss.tick()
    assert FakeWorker.made[2].given == (second, {"TLTK_THREADS": "2"})
    assert queue.find(first.id) is None


def test_as_many_trainings_as_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "slots", lambda: [{"CUDA_VISIBLE_DEVICES": str(i)} for i in range(2)])
    runs = [training(s) for s in range(3)]
    supervisor.Supervisor().tick()
    assert [w.given for w in FakeWorker.made] == [
        (runs[0], {"CUDA_VISIBLE_DEVICES": "0"}),
        (runs[1], {"CUDA_VISIBLE_DEVICES": "1"}),
    ]


def test_a_study_takes_every_gpu_that_is_free_and_keeps_them_though_the_supervisor_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "slots", lambda: [{"CUDA_VISIBLE_DEVICES": str(i)} for i in (2, 3, 5)])
    first, study, second = training(1), executor().submit(CompareSpec(net=SHIPPED)), training(2)
    supervisor.Supervisor().tick()
    assert [w.given for w in FakeWorker.made] == [
        (first, {"CUDA_VISIBLE_DEVICES": "2"}),
        (study, {"CUDA_VISIBLE_DEVICES": "3,5"}),
    ]
    boss = supervisor.Supervisor()
    boss.tick()
    assert len(FakeWorker.made) == 2, "the third waits"
    FakeWorker.made[1].code = 0
    study.write_status(state="done")
    boss.workers[study.id] = cast("supervisor.Worker", FakeWorker.made[1])
    boss.tick()
    assert FakeWorker.made[2].given == (second, {"CUDA_VISIBLE_DEVICES": "3"})


def test_a_training_in_two_processes_waits_for_two_gpus_and_nobody_takes_the_first_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "slots", lambda: [{"CUDA_VISIBLE_DEVICES": str(i)} for i in (2, 3)])
    first = training(1)
    pair = executor().submit(TransferSpec(optim=OptimSpec(processes=2)))
    last = training(2)
    boss = supervisor.Supervisor()
    boss.tick()
    boss.tick()
    assert [w.given for w in FakeWorker.made] == [(first, {"CUDA_VISIBLE_DEVICES": "2"})], "one GPU is kept for it"
    for i, ended in enumerate((first, pair)):
        ended.write_status(state="done")
        FakeWorker.made[i].code = 0
        boss.tick()
    assert [w.given for w in FakeWorker.made[1:]] == [
        (pair, {"CUDA_VISIBLE_DEVICES": "2,3"}),
        (last, {"CUDA_VISIBLE_DEVICES": "2"}),
    ]


def test_a_study_on_a_machine_without_a_gpu_takes_one_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "slots", lambda: [{"TLTK_THREADS": "2"}] * 3)
    study, second = executor().submit(CompareSpec(net=SHIPPED)), training(2)
    supervisor.Supervisor().tick()
    assert [w.given for w in FakeWorker.made] == [(run, {"TLTK_THREADS": "2"}) for run in (study, second)]


@pytest.mark.parametrize(
    ("code", "state", "part"),
    [
        (-9, "failed", "killed, probably because memory ran out. Lower the batch size"),
        (137, "failed", "killed, probably because memory ran out"),
        (-15, "stopped", "asked to end; it can be resumed"),
        (0, "stopped", "asked to end"),
        (-11, "failed", "ended with code -11 without a message"),
        (1, "failed", "ended with code 1 without a message"),
    ],
)
def test_a_process_that_ends_without_a_word(code: int, state: str, part: str) -> None:
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    FakeWorker.made[0].code = code
    boss.tick()
    assert run.written_status().state == state
    assert part in run.status.message
    assert queue.jobs() == []


def test_a_process_of_ours_lives_until_its_handle_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the clock, or a number that is looked up too late, must not make us wait for what goes on."""
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    monkeypatch.setattr(supervisor, "is_alive", lambda pid, born: False)
    boss.tick()
    assert run.written_status().state == "running"
    assert queue.find(run.id) is not None
    FakeWorker.made[0].code = -9
    boss.tick()
    assert run.written_status().state == "failed"
    assert "killed, probably because memory ran out" in run.status.message


def test_the_runs_own_last_word_stands() -> None:
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    run.write_status(state="failed", message="The loss must stay a number.")
    FakeWorker.made[0].code = 1
    boss.tick()
    assert (run.status.state, run.status.message) == ("failed", "The loss must stay a number.")


@pytest.mark.parametrize(
    ("word", "state"), [("done", "done"), ("failed", "failed"), ("stopped", "stopped"), ("running", "stopped")]
)
def test_a_time_limit_does_not_undo_what_ended_by_itself(word: str, state: str) -> None:
    """A run that is done just as its time is up is done."""
    run = executor().submit(TransferSpec(), timeout=0.01)
    boss = supervisor.Supervisor()
    boss.tick()
    time.sleep(0.02)
    run.write_status(state=word, message="its own")
    FakeWorker.made[0].code = 0
    boss.tick()
    assert run.written_status().state == state
    assert ("time limit of 0.01 s" in run.written_status().message) == (state == "stopped")


def test_late_runs_are_asked_then_told_then_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = executor().submit(TransferSpec(), timeout=5.0)
    boss, sent = supervisor.Supervisor(), list[bool]()
    monkeypatch.setattr(supervisor, "kill", lambda pid, born, force: sent.append(force))
    boss.tick()
    start = time.time()
    for seconds, wanted in ((4, []), (6, []), (19, []), (23, [False]), (28, [False, True])):
        monkeypatch.setattr(time, "time", lambda s=seconds: start + s)
        boss.tick()
        assert sent == wanted
        assert run.stop_file.exists() == (seconds > 5)


def test_a_late_run_whose_folder_is_gone_does_not_bring_the_supervisor_down() -> None:
    run = executor().submit(TransferSpec(), timeout=0.001)
    boss = supervisor.Supervisor()
    boss.tick()
    run.write_status(state="done")
    run.delete()
    time.sleep(0.01)
    boss.tick()
    executor().cancel(run.id)
    FakeWorker.made[0].code = 1
    boss.tick()
    assert queue.jobs() == []
    assert not run.path.exists()


def test_a_run_that_a_study_trains_waits_until_that_has_ended() -> None:
    run = Run.create(TransferSpec())
    run.claim()  # we are the study
    assert executor().submit(TransferSpec()) == run
    assert run.status.state == "running"
    assert executor().state(run.id) == "running"
    boss = supervisor.Supervisor()
    boss.tick()
    assert FakeWorker.made == []
    assert queue.find(run.id) is not None
    (run.path / "result.json").write_text("{}")
    run.write_status(state="done")
    boss.tick()
    assert FakeWorker.made == []  # nothing left to do
    assert queue.jobs() == []
    assert run.status.state == "done"


def test_taking_it_off_the_queue_does_not_stop_the_study() -> None:
    run = Run.create(TransferSpec())
    run.claim()
    executor().submit(TransferSpec())
    executor().cancel(run.id)
    supervisor.Supervisor().tick()
    assert queue.jobs() == []
    assert run.status.state == "running"


def test_a_run_of_another_supervisor_is_adopted_and_its_loss_told() -> None:
    run = training()
    queue.mark_started(run.id, [0], os.getpid(), BORN)
    run.write_status(state="running", pid=os.getpid(), pid_born=BORN)
    boss = supervisor.Supervisor()
    boss.tick()
    assert queue.find(run.id) is not None
    assert FakeWorker.made == []
    queue.mark_started(run.id, [0], os.getpid(), BORN - 100)  # that number belongs to somebody else now
    boss.tick()
    assert queue.find(run.id) is None
    assert "was lost without a message" in run.written_status().message


def test_resume_waits_for_the_process_that_still_ends() -> None:
    """A click on Resume right after Stop must not get lost."""
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    run.write_status(state="stopped", message="Stopped by request; it can be resumed.")

    def end() -> None:
        time.sleep(0.3)
        FakeWorker.made[0].code = 0
        boss.tick()

    thread = threading.Thread(target=end)
    thread.start()
    executor().resume(run)
    thread.join()
    job = queue.find(run.id)
    assert job is not None
    assert job.state == "queued"
    assert run.status.state == "waiting"


def test_resume_of_what_runs_or_is_done_changes_nothing() -> None:
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    executor().cancel(run.id)
    executor().resume(run)
    assert run.stop_file.exists()  # it is stopping: that wish stands
    assert run.status.state == "running"


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["0", "1"]),
        ("1", ["1"]),
        ("GPU-a, GPU-b", ["GPU-a", "GPU-b"]),
        ("1,-1,0", ["1"]),
        ("-1", None),
        ("", None),
    ],
)
def test_slots_are_the_gpus_that_may_be_seen(
    visible: str | None, names: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    listed = "GPU 0: H100 (UUID: GPU-a)\n  MIG 1g.10gb Device 0: (UUID: MIG-c)\nGPU 1: H100 (UUID: GPU-b)\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=listed))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible) if visible is not None else monkeypatch.delenv(
        "CUDA_VISIBLE_DEVICES", raising=False
    )
    slots = supervisor.slots()
    if names is None:
        assert "CUDA_VISIBLE_DEVICES" not in slots[0]
    else:
        assert slots == [{"CUDA_VISIBLE_DEVICES": name} for name in names]


@pytest.mark.parametrize(
    ("listed", "asked", "found"),
    [
        ("GPU 0: H100\nGPU 1: H100\n", "3", [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]),
        ("", "1", 1),
        (None, "2", 2),
        (None, "0", 1),
    ],
)
def test_slots(listed: str | None, asked: str, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def smi(*_: Any, **__: Any) -> SimpleNamespace:
        if listed is None:
            raise FileNotFoundError("nvidia-smi")
        return SimpleNamespace(stdout=listed)

    monkeypatch.setattr(subprocess, "run", smi)
    monkeypatch.setenv("TLTK_SLOTS", asked)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    slots = supervisor.slots()
    if isinstance(found, int):
        assert len(slots) == found
        assert slots[0] == {"TLTK_THREADS": str(max((os.cpu_count() or 1) // found, 1))}
    else:
        assert slots == found


def test_a_second_supervisor_goes_away_at_once() -> None:
    with supervisor_lock():
        start = time.monotonic()
        assert supervisor.main() == 0
        assert time.monotonic() - start < 3


def test_serve_ends_when_idle_and_looks_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "IDLE_SECONDS", 0.05)
    lock = supervisor_lock()
    lock.acquire()
    asked: list[int] = []
    real = queue.is_empty

    def late() -> bool:
        """Somebody submits in the moment between the last look and the end."""
        asked.append(1)
        if len(asked) == 1:
            training(9)
        return real()

    monkeypatch.setattr(queue, "is_empty", late)

    def remove_all(self: supervisor.Supervisor) -> bool:
        waiting = queue.jobs()
        for job in waiting:
            queue.remove(job.run)
        return not waiting

    monkeypatch.setattr(supervisor.Supervisor, "tick", remove_all)
    supervisor.serve(lock)
    assert len(asked) > 1
    assert queue.jobs() == []
    assert not lock.is_locked
    with FileLock(lock.lock_file, timeout=0):
        pass


def test_wait_brings_back_a_supervisor_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    run, called = training(), list[int]()

    def ensure() -> None:
        called.append(1)
        run.write_status(state="done")
        queue.remove(run.id)

    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(Idle, "wake", lambda self: ensure())
    assert jobs.wait(run, every=0.01) == run
    assert called == [1]


# -- the worker's side -----------------------------------------------------------------------------------

TINY = TransferSpec(DataSpec("digits", n=200, size=16), NetSpec("test_resnet"), optim=OptimSpec(epochs=1, device="cpu"))


@pytest.fixture
def _handler() -> Any:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def other_process(run: Run) -> subprocess.Popen[bytes]:
    other = subprocess.Popen(["sleep", "60"])
    run.write_status(state="running", pid=other.pid, pid_born=psutil.Process(other.pid).create_time())
    return other


@pytest.mark.usefixtures("_handler")
def test_a_second_process_leaves_the_first_ones_run_alone() -> None:
    run = Run.create(TINY)
    other = other_process(run)
    try:
        before = (run.path / "status.json").read_bytes()
        worker.execute(run)
        assert (run.path / "status.json").read_bytes() == before
        assert not (run.path / "rows.jsonl").exists()
    finally:
        other.kill()
        other.wait()


@pytest.mark.usefixtures("_handler")
def test_a_study_waits_for_a_training_that_another_study_runs() -> None:
    study, shared = Run.create(TransferSpec(seed=99)), Run.create(TINY)
    other = other_process(shared)
    study.claim()

    def end() -> None:
        time.sleep(0.5)
        (shared.path / "result.json").write_text('{"accuracy": 1}')
        shared.write_status(state="done")
        other.kill()

    thread = threading.Thread(target=end)
    thread.start()
    assert worker.Worker(study).train(shared).result() == {"accuracy": 1}
    thread.join()
    other.wait()
    assert "is being run by process" in study.written_status().message


@pytest.mark.usefixtures("_handler")
def test_a_stop_that_came_first_is_heeded_and_taken_away() -> None:
    run = Run.create(TINY)
    run.ask_to_stop()
    worker.execute(run)
    assert run.status.state == "stopped"
    assert not run.stop_file.exists()


@pytest.mark.usefixtures("_handler")
def test_a_spec_that_cannot_be_read_is_a_failure_with_its_sentence() -> None:
    run = Run.create(TINY)
    (run.path / "spec.json").write_text('{"kind": "of tomorrow"}')
    worker.execute(run)
    assert run.status.state == "failed"
    assert "The kind of a spec must be one of" in run.status.message


def test_the_lock_is_free_again() -> None:
    with pytest.raises(Timeout), supervisor_lock():
        supervisor_lock().acquire(timeout=0)


@pytest.mark.usefixtures("_handler")
def test_a_result_that_json_does_not_have_is_a_failure_not_a_done_run_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run.create(TINY)
    whole = Training.run

    def diverged(self: Any) -> TrainingResult:
        return msgspec.structs.replace(whole(self), val_loss=float("inf"))

    monkeypatch.setattr(Training, "run", diverged)
    worker.execute(run)
    assert run.status.state == "failed"
    assert "must be a number" in run.status.message
    assert run.result() is None


def question() -> Run:
    return executor().submit(DescribeSpec())


@pytest.mark.parametrize(("named", "limit"), [(None, 300), ("7", 7), ("seven", 300)])
def test_a_question_that_takes_too_long_makes_way(
    named: str | None, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for its slot: asked to stop, then ended, then killed, within seconds; the next one starts."""
    if named is not None:
        monkeypatch.setenv("TLTK_QUESTION_SECONDS", named)
    sent = list[bool]()
    monkeypatch.setattr(supervisor, "kill", lambda pid, born, force: sent.append(force))
    run, boss = question(), supervisor.Supervisor()
    second = executor().submit(DescribeSpec("test_vit"))
    boss.tick()
    began = time.time()
    for seconds in (limit - 1, limit + 0.5):
        assert not run.stop_file.exists()
        monkeypatch.setattr(time, "time", lambda s=seconds: began + s)
        boss.tick()
    assert run.stop_file.exists() and not sent
    for seconds in (4.0, 7.0):
        monkeypatch.setattr(time, "time", lambda s=seconds: began + limit + s)
        boss.tick()
    assert sent == [False, True]
    FakeWorker.made[0].code = -9
    boss.tick()
    status = run.written_status()
    assert status.state == "failed" and f"within {limit:g} s" in status.message
    assert "TLTK_QUESTION_SECONDS" in status.message
    boss.tick()
    assert FakeWorker.made[1].given and FakeWorker.made[1].given[0] == second


def test_a_limit_of_none_and_one_of_the_askers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_QUESTION_SECONDS", "0")
    run, boss = question(), supervisor.Supervisor()
    boss.tick()
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 1e6)
    boss.tick()
    assert not run.stop_file.exists()
    FakeWorker.made[0].code = 0
    run.write_status(state="done")
    boss.tick()
    own = executor().submit(DescribeSpec("test_vit"), timeout=5)
    boss.tick()
    FakeWorker.made[1].code = 0
    monkeypatch.setattr(time, "time", lambda: began + 2e6)
    boss.tick()
    assert own.written_status().message == "Stopped after its time limit of 5 s."


def test_an_answer_that_came_late_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    run, boss = question(), supervisor.Supervisor()
    boss.tick()
    began = time.time()
    run.write_status(state="done", message="")
    FakeWorker.made[0].code = 0
    monkeypatch.setattr(time, "time", lambda: began + 1e6)
    boss.tick()
    assert run.written_status().state == "done"


def test_a_training_has_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    run, boss = training(), supervisor.Supervisor()
    boss.tick()
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 1e7)
    boss.tick()
    assert not run.stop_file.exists()


# -- faults with one job, clocks, what killed writers leave ------------------------------------------------


def test_a_fault_with_one_job_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = training(1), training(2)
    real = Run.write_status

    def broken(self: Run, **changes: Any) -> None:
        if self.id == first.id and changes.get("state") == "running":
            raise RuntimeError("unforeseen")
        real(self, **changes)

    monkeypatch.setattr(Run, "write_status", broken)
    boss = supervisor.Supervisor()
    for _ in range(3):
        boss.tick()
    assert queue.find(first.id) is None
    assert "unforeseen" in first.status.message and first.status.state == "failed"
    assert second.written_status().state == "running"
    assert capfd.readouterr().err.count("Traceback") == 1  # told once


def test_a_full_disk_takes_one_run_off_the_table_and_the_queue_goes_on_later(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first = training(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        boss = supervisor.Supervisor()
        boss.tick()
    printed = capfd.readouterr()
    assert "No space is left" in printed.out and "Traceback" not in printed.err
    assert executor().state(first.id) == "stopped"  # it can be resumed
    executor().resume(first)
    boss.tick()
    assert first.written_status().state == "running"


@pytest.mark.skipif(os.name != "posix", reason="locks differ there")
def test_a_run_of_another_supervisor_goes_on_though_all_start_times_moved() -> None:
    """A step of the clock: the note of the start fits no process any more, but somebody holds the run's lock."""
    run = training()
    words = ["flock", str(run.path / "lock"), "sleep", "60"]
    try:
        other = subprocess.Popen(words, start_new_session=True)
    except FileNotFoundError:
        pytest.skip("there is no flock here")
    try:
        until = time.monotonic() + 10
        while not is_held(run.path / "lock") and time.monotonic() < until:
            time.sleep(0.02)
        queue.mark_started(run.id, [0], other.pid, BORN - 3600)
        run.write_status(state="running", pid=other.pid, pid_born=BORN - 3600)
        boss = supervisor.Supervisor()
        boss.tick()
        assert queue.find(run.id) is not None and run.status.state == "running"
        with pytest.raises(RunProblem, match="is being run"):
            run.claim()
        assert executor().resume(run) == run and FakeWorker.made == []  # no second worker
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()
    boss.tick()
    assert queue.find(run.id) is None
    assert "was lost without a message" in run.written_status().message


def test_what_killed_writers_left_goes() -> None:
    run, other = Run.create(TransferSpec(seed=1)), Run.create(TransferSpec(seed=2))
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [run.path / f".checkpoint.safetensors.{dead.pid}.5.tmp", home.home() / f".x.{dead.pid}.5.tmp"]
    for path in left:
        path.write_text("x")
    for one in (run, other):
        (one.path / "checkpoint.safetensors").write_text("x")
    (run.path / "result.json").write_text('{"accuracy": 0.5}')
    run.write_status(state="done")
    other.write_status(state="stopped")
    supervisor.remove_leftovers()
    assert not any(path.exists() for path in left)
    assert not (run.path / "checkpoint.safetensors").exists()  # of a run that is done
    assert (other.path / "checkpoint.safetensors").exists()


AGAIN = """
import sys, time
from tltk.errors import RunProblem
from tltk.jobs import local
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.loop import Training
local.ensure_supervisor = lambda: None
time.sleep(max(0.0, float(sys.argv[1]) - time.time()))
try:
    local.Local().submit(TransferSpec(), again=True)
    print("queued")
except RunProblem as fault:
    print(fault)
"""


def test_four_who_ask_again_at_once_get_sentences() -> None:
    run = Run.create(TransferSpec())
    for name in ("rows.jsonl", "result.json", "model.safetensors", "log.txt", *map(str, range(200))):
        (run.path / name).write_text("{}")
    run.write_status(state="done")
    words = [sys.executable, "-c", AGAIN, str(time.time() + 4)]
    four = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate() for process in four]
    assert [process.returncode for process in four] == [0] * 4, said
    assert any("queued" in out for out, _ in said)
    assert all("queued" in out or "waits or runs already" in out for out, _ in said), said
    assert len(queue.jobs()) == 1 and run.result() is None


@pytest.mark.parametrize(("number", "part"), [(28, "No space is left"), (30, "read-only"), (12, "memory")])
@pytest.mark.usefixtures("_handler")
def test_a_fault_of_the_machine_is_not_called_ours(number: int, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(TINY)

    def refuse(self: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Training, "run", refuse)
    worker.execute(run)
    assert run.status.state == "failed"
    assert part in run.status.message and "Internal error in tltk" not in run.status.message


def test_torch_without_memory_is_a_sentence() -> None:
    fault = RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to"
    )
    assert "memory" in worker.error_sentence(fault) and "Internal error in tltk" not in worker.error_sentence(fault)
    assert "Internal error in tltk" in worker.error_sentence(RuntimeError("unforeseen"))


def test_threads_are_those_of_the_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A spare is made before the slot is known: it takes its threads from the order."""
    run, seen = Run.create(DescribeSpec()), list[int]()
    order = {"folder": str(run.path), "log": str(tmp_path / "log"), "environment": {"TLTK_THREADS": "3"}}
    monkeypatch.setenv("TLTK_THREADS", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(order) + "\n"))
    monkeypatch.setattr(worker, "_log_to", lambda path: None)
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    monkeypatch.setattr(worker, "execute", lambda run: None)
    worker.main(["--wait"])
    assert seen == [3]


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system does not know how nice a process is")
@pytest.mark.parametrize(("spec", "asked", "found"), [(TINY, "", 10), (TINY, "3", 3), (DescribeSpec(), "", 0)])
def test_trainings_let_lookers_go_first_and_questions_do_not(
    spec: Any, asked: str, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By so much the process that trains is nicer than this one, up to the 19 that there are."""
    added = list[int]()
    monkeypatch.setenv("TLTK_NICE", asked)
    monkeypatch.setattr(os, "nice", added.append)
    monkeypatch.setattr(os, "getpriority", lambda which, of: 0)
    monkeypatch.setattr(worker, "execute", lambda run: None)
    worker.main([str(Run.create(spec).path)])
    assert sum(added) == found


def test_slots_leave_the_users_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=""))
    monkeypatch.setenv("TLTK_SLOTS", "2")
    monkeypatch.setenv("TLTK_THREADS", "5")
    assert supervisor.slots() == [{"TLTK_THREADS": "5"}] * 2
    monkeypatch.setenv("TLTK_THREADS", "many")
    monkeypatch.setenv("TLTK_SLOTS", "few")
    assert supervisor.slots() == [{"TLTK_THREADS": str(os.cpu_count() or 1)}]
