"""Each executor with real processes: what it promises whoever closes the page, kills a run, or kills it.

Each process costs seconds of imports, so a test here is a story, not a case. On Ray it is a cluster of two nodes.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.processes import machine, processes, until
from tests.support.ray_cluster import two_nodes
from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import Executor, Local, executor, launch, queue, wait
from tltk.jobs.local import supervisor_lock
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec

# Rows that no two runs have alike; FLOPs are those spent, and features found in the bank cost none.
TIMED = ("images_per_second", "memory")

# Two phases, a cached prefix, mixup, dropout, a schedule that looks back, early-stopping state: all that
# a resumed run must get back.
SHORT = TransferSpec(
    DataSpec("digits", n=200, size=16),
    NetSpec("test_resnet", boundary=2, dropout=0.2),
    StrategySpec("lp_ft", {"probe": 0.3}),
    OptimSpec(epochs=16, epoch_images=400, schedule="plateau", mixup=0.2, patience=50, device="cpu"),
)
LONG = TransferSpec(
    DataSpec("digits", n=200, size=16), NetSpec("test_resnet"), optim=OptimSpec(epochs=5000, device="cpu")
)


@pytest.fixture(scope="module", params=["local", "ray"])
def where(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each place where runs can run, as TLTK_EXECUTOR has it."""
    if request.param == "local":
        yield "local"
    else:
        with two_nodes() as cluster:
            yield cluster.address


@pytest.fixture
def local(tmp_path: Path, where: str) -> Iterator[Executor]:
    with machine(tmp_path / "home", where):
        yield executor()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, where: str) -> Iterator[Run]:
    """`SHORT`, run in a home of its own and never disturbed."""
    root = tmp_path_factory.mktemp("whole") / "home"
    with machine(root, where):
        run = wait(executor().submit(SHORT))
        until(lambda: not queue.jobs())
        yield run


def epoch(run: Run) -> int:
    """The last epoch of which there are rows."""
    return max((row.epoch for row in run.rows()[0]), default=0)


def kill(run: Run) -> None:
    """An end without a word."""
    status = run.written_status()
    assert status.state == "running"
    os.kill(status.pid, signal.SIGKILL)


def values(run: Run) -> list[Row]:
    """All that must be equal: everything but speed, memory, cost and the clock."""
    rows = [row for row in run.rows()[0] if row.name not in TIMED]
    return [Row(r.epoch, r.step, 0.0, r.split, r.name, r.value, r.layer) for r in rows]


def test_a_run_from_the_queue_to_its_result(whole: Run, where: str) -> None:
    with machine(whole.path.parents[1], where):
        status = whole.status
        assert (status.state, status.epoch, status.epochs, status.device) == ("done", 16, 16, "cpu")
        assert not (whole.path / "checkpoint.safetensors").exists()
        assert queue.find(whole.id) is None

        start, stamp = time.monotonic(), (whole.path / "rows.jsonl").stat().st_mtime_ns
        assert executor().submit(SHORT) == whole  # a second time costs nothing
        assert executor().resume(whole) == whole
        assert launch(SHORT) == whole
        assert time.monotonic() - start < 2
        assert queue.jobs() == []
        assert (whole.path / "rows.jsonl").stat().st_mtime_ns == stamp
        assert executor().state(whole.id) == "done"
        assert executor().log(whole.id) == executor().log(whole.id)
        until(lambda: not processes(whole.path.parents[1]), 20)  # the supervisor ends by itself


def test_stopped_then_killed_and_each_time_resumed_gives_the_very_same_rows(local: Executor, whole: Run) -> None:
    run = local.submit(SHORT)
    assert run.path != whole.path
    until(lambda: epoch(run) >= 2)
    assert local.state(run.id) == "running"
    with pytest.raises(RunProblem, match="waits or runs already"):
        local.submit(SHORT, again=True)
    with pytest.raises(RunProblem, match="is running"):
        run.delete()

    asked = time.monotonic()
    local.cancel(run.id)
    until(lambda: local.state(run.id) == "stopped", 10)
    assert time.monotonic() - asked < 5
    assert run.status.message == "Stopped by request; it can be resumed."
    assert not run.stop_file.exists()
    at = epoch(run)
    assert 2 <= at < 16

    local.resume(run)  # at once, while the old process may still be ending
    assert local.state(run.id) == "waiting" or local.state(run.id) == "running"
    until(lambda: epoch(run) > at + 1)
    kill(run)
    with pytest.raises(RunProblem, match="killed, probably because memory ran out"):
        wait(run)
    assert local.state(run.id) == "failed"
    assert (run.path / "checkpoint.safetensors").exists()

    wait(local.submit(SHORT))
    assert run.status.state == "done"
    assert values(run) == values(whole)
    assert run.result()["predictions"] == whole.result()["predictions"]  # type: ignore[index]
    times = [row.seconds for row in run.rows()[0]]
    assert times == sorted(times)  # the clock goes on; stops are left out


@pytest.mark.slow
def test_killed_at_five_random_moments_nothing_is_lost(local: Executor, whole: Run) -> None:
    # A moment is told in epochs, as long as `whole` took for one: on a quick machine a second is the whole training.
    an_epoch = max(row.seconds for row in whole.rows()[0]) / whole.status.epochs
    draw, run = random.Random(7), local.submit(SHORT)
    killed = 0
    for _ in range(5):
        began = run.rows()[1]
        until(lambda: run.rows()[1] != began or local.state(run.id) == "done")  # noqa: B023
        time.sleep(draw.uniform(0, an_epoch))
        with contextlib.suppress(AssertionError, ProcessLookupError):
            kill(run)
            killed += 1
        with contextlib.suppress(RunProblem):
            wait(run)
        local.resume(run)
    wait(run)
    assert killed >= 3
    assert run.status.state == "done"
    assert values(run) == values(whole)


def test_the_queue_and_what_goes_on_when_the_supervisor_dies(local: Executor) -> None:
    running = local.submit(LONG)
    waiting = [local.submit(TransferSpec(LONG.target, LONG.net, optim=LONG.optim, seed=s)) for s in (1, 2, 3)]
    first, second, third = waiting
    until(lambda: epoch(running) >= 1)
    assert [local.ahead(r.id) for r in (running, *waiting)] == [0, 1, 2, 3]
    assert [local.state(r.id) for r in (running, *waiting)] == ["running", "waiting", "waiting", "waiting"]
    assert local.submit(LONG) == running
    assert len(queue.jobs()) == 4

    local.cancel(second.id)  # one that waits: gone at once
    until(lambda: local.state(second.id) == "stopped", 5)
    assert second.status.message == "Taken off the queue before it began."
    shutil.rmtree(first.path)  # one whose folder is deleted: forgotten when its turn comes
    local.cancel("ab" * 6)  # one that never was
    assert [local.ahead(r.id) for r in (first, third)] == [1, 2]

    answer = local.submit(DescribeSpec("test_resnet", 32, 3))  # a question does not wait for a training
    assert wait(answer).result()["layers"]  # type: ignore[index]
    assert local.state(running.id) == "running"
    assert local.ahead(third.id) == 2

    (supervisor,) = [p for p in processes(home.home()) if "tltk.jobs.supervisor" in p.cmdline()]
    before = running.written_status()
    supervisor.kill()
    until(lambda: not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE)
    at = epoch(running)
    until(lambda: epoch(running) > at)  # the run does not notice
    assert local.state(running.id) == "running"

    local.cancel(third.id)  # any verb brings a new supervisor, which adopts the run
    until(lambda: local.state(third.id) == "stopped")
    assert running.written_status().pid == before.pid
    assert local.state(running.id) == "running"
    with pytest.raises(Exception, match="lock"):
        supervisor_lock().acquire(timeout=0)
    local.cancel(first.id)
    local.cancel(running.id)
    until(lambda: not queue.jobs())
    assert local.state(running.id) == "stopped"
    assert (running.path / "checkpoint.safetensors").exists()
    assert not first.path.exists()


def test_a_stop_during_the_start_and_a_time_limit(local: Executor) -> None:
    run = local.submit(LONG)
    until(lambda: run.written_status().state == "running")
    local.cancel(run.id)  # its process is still importing
    until(lambda: local.state(run.id) == "stopped")
    until(lambda: not queue.jobs())
    # On a machine so busy that the imports outlast the supervisor's patience, by force.
    assert run.status.message.startswith(("Stopped by ", "Its process was asked to end")), run.status.message
    assert "it can be resumed" in run.status.message and not run.rows()[0]

    wait(local.resume(run, timeout=0.5))
    assert run.status.state == "stopped"
    until(lambda: not queue.jobs())
    assert run.status.message == "Stopped after its time limit of 0.5 s."


def test_a_failure_is_the_runs_own_sentence_and_again_forgets_it(local: Executor, tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"no picture")  # only a worker looks into it
    spec = TransferSpec(DataSpec(f"folder:{tmp_path / 'set'}"), NetSpec("test_resnet"))
    with pytest.raises(BadSpec, match="cat/1.png"):
        launch(spec)
    run = Run.create(spec)
    assert local.state(run.id) == "failed"
    assert "cat/1.png" in local.log(run.id)
    queue.pause(True)  # it need not fail a second time
    again = local.submit(spec, again=True)  # at once: the old process may still be on the table
    assert again == run
    assert local.state(run.id) == "waiting" and run.status.message == ""
    local.cancel(run.id)
    until(lambda: not queue.jobs())


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), float("inf")])
def test_a_time_limit_that_is_none(local: Executor, timeout: float) -> None:
    with pytest.raises(BadSpec, match="timeout must be a number of seconds"):
        local.submit(LONG, timeout=timeout)
    assert queue.jobs() == []


def test_a_lost_table_loses_no_run() -> None:
    run = Run.create(SHORT)
    run.write_status(state="waiting")
    assert Local().state(run.id) == "stopped"  # it can be resumed
    run.write_status(state="done")
    assert Local().state(run.id) == "done"
    assert Local().ahead(run.id) == 0
    assert Local().log(run.id) == ""
    with pytest.raises(BadSpec):
        Local().log("../../etc")


def test_a_question_that_takes_too_long_lets_the_next_one_in(local: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_QUESTION_SECONDS", "3")
    endless = local.submit(InspectSpec(DataSpec("fractals", n=2_000_000, size=64)))
    until(lambda: endless.written_status().state == "failed", 45)
    assert "within 3 s" in endless.status.message and "TLTK_QUESTION_SECONDS" in endless.status.message
    until(lambda: queue.find(endless.id) is None)
    assert not [p for p in processes(home.home()) if "tltk.run" in " ".join(p.cmdline())]
