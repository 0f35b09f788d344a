"""Who runs a run: no step of the clock makes one process two, or two one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tltk.errors import RunProblem
from tltk.jobs import worker
from tltk.jobs.cluster import REFUSED, take_from_lost
from tltk.runs import process
from tltk.runs.run import LOCK, Run
from tltk.specs.training import TransferSpec

HOLD = """
import os, sys
from pathlib import Path
from tltk.jobs import worker
from tltk.jobs.cluster import REFUSED, take_from_lost
from tltk.runs import process
print(process.hold(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `tmp_path / "lock"`."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    found = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None and found.stdout.readline() == "True\n"
    yield found
    found.kill()
    found.communicate()


def test_the_wall_clock_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil reckons start times from the clock of the moment, so a step moves them all."""
    own = process.identity(os.getpid())
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    assert process.is_alive(os.getpid(), own) or sys.platform != "linux"
    assert process.identity(os.getpid()) == own or sys.platform != "linux"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere start times are all there is")
def test_another_start_or_another_boot_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(process.identity(os.getpid()))
    assert not process.is_alive(os.getpid(), own + "0")
    assert not process.is_alive(1, own)
    monkeypatch.setattr(process, "_boot", lambda: "another")
    assert not process.is_alive(os.getpid(), own)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5, 10**30])
@pytest.mark.parametrize("born", ["", "x:y", 0.0, 1e300])
def test_numbers_of_no_process(pid: int, born: str | float) -> None:
    assert not process.is_alive(pid, born)
    assert process.identity(pid) == 0 or pid == 0


def test_a_lock_is_one_process_s_until_it_ends(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    path = tmp_path / "lock"
    assert process.is_held(path)
    assert not process.hold(path)
    other.kill()
    other.wait()
    assert not process.is_held(path)
    assert process.hold(path) and process.hold(path)
    assert process.is_held(path) and process.holds(path)
    process.release(path)
    assert not process.is_held(path)


def test_a_lock_whose_file_was_removed_is_taken_on_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert process.hold(path)
    path.unlink()
    assert not process.is_held(path)
    assert process.hold(path) and process.is_held(path)
    process.release(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert process.hold(path)
    (until, end), (there, say) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(end)
        os.write(say, b"1")
        os.read(until, 1)  # until the parent has let go
        os._exit(0)
    os.read(there, 1)
    assert process.is_held(path)  # its parent's all the same
    process.release(path)
    held = process.is_held(path)
    os.close(end)
    os.waitpid(child, 0)
    for pipe in (until, there, say):
        os.close(pipe)
    assert not held


@pytest.mark.parametrize("moved", [3600.0, "another:123"])
def test_a_run_that_is_run_stays_so_though_its_start_time_moved(moved: float | str, tmp_path: Path) -> None:
    """The lock is the truth: a second worker is impossible, whatever the note of the first one's start says."""
    run = Run.create(TransferSpec())
    words = [sys.executable, "-c", HOLD, str(run.path / LOCK)]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "True\n"
        run.write_status(state="running", pid=other.pid, pid_born=moved)
        assert run.status.state == "running"
        for what in (run.claim, run.clear, run.delete):
            with pytest.raises(RunProblem, match="run"):
                what()
    finally:
        other.kill()
        other.communicate()
    assert run.status.state == "failed"
    run.claim()
    run.release()


def test_a_status_of_an_earlier_version_is_read() -> None:
    run = Run.create(TransferSpec())
    born = psutil.Process().create_time()
    text = f'{{"state":"running","message":"","pid":{os.getpid()},"pid_born":{born},"epoch":3,"threads":1}}'
    (run.path / "status.json").write_text(text)
    assert (run.status.state, run.status.epoch) == ("running", 3)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer to beat by")
def test_one_that_slept_until_its_run_was_given_to_another_ends_as_it_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    run = Run.create(TransferSpec())
    before = signal.getsignal(signal.SIGALRM)
    run.claim()
    try:
        worker._beat_for(run)
        signal.raise_signal(signal.SIGALRM)
        assert codes == [], "its own"
        take_from_lost(run)  # as the supervisor does after LOST_SECONDS without a beat
        signal.raise_signal(signal.SIGALRM)
        assert codes == [REFUSED]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        run.release()
