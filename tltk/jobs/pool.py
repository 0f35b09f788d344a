"""The trainings of a study, side by side where the machine allows it: forks on a CPU, a process per GPU."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from typing import Any, Protocol

import psutil
import torch

from tltk import home
from tltk.errors import Diverged, RunProblem, TltkError
from tltk.jobs.executor import Trainer
from tltk.runs.run import KILLED, Run
from tltk.specs.training import TransferSpec
from tltk.training.callbacks import Stopped
from tltk.training.optimizer import pick_device

MAX_CHILDREN, CHILD_RAM_BYTES = 8, 1.5e9  # most trainings side by side, and the memory that each may want
GRACE_SECONDS = 10.0  # that a child process gets to end by itself


def train_all(trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
    """Train several runs: on a CPU side by side, one thread each; on several GPUs one run on each; else in turn.

    Two trainings with a thread each do half as much again in the same time as one with two, and unlike it they
    hardly suffer when the machine has other work. On a CPU the children are forks: this process has imported torch
    but never computed with it, so there are no threads to lose. A GPU cannot be used after a fork, so there they
    are processes of their own.

    Args:
        trainer: Who trains.
        runs: What to train; finished ones are not trained again, and one that begins with the weights of another
            waits for it.
        ended: Called with each run that is done or has diverged.

    Raises:
        RunProblem: One of them failed otherwise; the others are stopped.
        Stopped: Somebody asked for it.
    """
    threads = max((run.spec.optim.threads for run in runs if isinstance(run.spec, TransferSpec)), default=1)
    device, gpus = pick_device("auto").type, n_gpus()
    side_by_side = min(n_threads() // threads, int(psutil.virtual_memory().total / CHILD_RAM_BYTES), MAX_CHILDREN)
    if device == "cuda" and min(gpus, len(runs)) > 1:
        _side_by_side(runs, list(range(gpus)), _on_gpu, trainer.check, ended)
    elif device == "cpu" and side_by_side > 1 and os.name == "posix":
        _side_by_side(runs, list(range(side_by_side)), lambda run, _: _fork(trainer, run), trainer.check, ended)
    else:
        for run in runs:
            with contextlib.suppress(Diverged):
                trainer.train(run)
            ended(run)


def n_threads() -> int:
    """How many threads this process may compute with."""
    return int(home.setting("TLTK_THREADS", os.cpu_count() or 1, least=1))


def n_gpus() -> int:
    """How many GPUs a study may use at once; asking does not open one."""
    return torch.cuda.device_count()


class _Child(Protocol):
    """A process that trains one run."""

    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""

    def stop(self) -> None:
        """Ask it to stop at its next step."""

    def join(self) -> None:
        """Wait a while for its end."""

    def waitable(self) -> Any:
        """What `connection.wait` takes; None where there is nothing."""


def _side_by_side(
    runs: Sequence[Run],
    places: list[int],
    start: Callable[[Run, int], _Child],
    check: Callable[[], None],
    ended: Callable[[Run], None],
) -> None:
    """Keep every place busy until all runs have ended."""
    waiting, free, busy = list(runs), list(places), dict[_Child, tuple[Run, int]]()
    try:
        while waiting or busy:
            check()
            unfinished = {run.id for run in waiting} | {run.id for run, _ in busy.values()}
            ready = [run for run in waiting if _weights_run(run) not in unfinished]
            for run in ready[: len(free)]:
                waiting.remove(run)
                place = free.pop(0)
                busy[start(run, place)] = (run, place)
            sentinels = [s for child in busy if (s := child.waitable()) is not None]
            connection.wait(sentinels, timeout=0.1) if sentinels else time.sleep(0.1)
            for child in [child for child in busy if child.code() is not None]:
                run, place = busy.pop(child)
                free.append(place)
                ended(_check_end(run, child.code() or 0))
    finally:
        for child in busy:
            child.stop()
        for child in busy:
            child.join()


def _weights_run(run: Run) -> str:
    """The run whose weights a training begins with; empty where there is none."""
    kind, _, name = run.spec.net.weights.partition(":") if isinstance(run.spec, TransferSpec) else ("", "", "")
    return name.partition("@")[0] if kind == "run" else ""


class _Fork:
    """A fork of this process."""

    def __init__(self, trainer: Trainer, run: Run) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_in_fork, args=(trainer, run))
        self._process.start()

    def code(self) -> int | None:
        return self._process.exitcode

    def stop(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join(GRACE_SECONDS)

    def waitable(self) -> Any:
        return self._process.sentinel


def _fork(trainer: Trainer, run: Run) -> _Fork:
    return _Fork(trainer, run)


def _in_fork(trainer: Trainer, run: Run) -> None:
    """What a fork does: one training with one thread, for its parent's study."""
    torch.set_num_threads(1)
    own = trainer.child(run)
    with contextlib.suppress(Stopped, TltkError):  # the run's status says it
        own.train(run)
    sys.stdout.flush()
    os._exit(0)  # not through the parent's clean-up


class _Process:
    """A separate worker process that sees one GPU."""

    def __init__(self, run: Run, gpu: int) -> None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        seen = [name.strip() for name in visible if name.strip()]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": seen[gpu] if gpu < len(seen) else str(gpu)}
        self._process = subprocess.Popen([sys.executable, "-m", "tltk.run", str(run.path)], env=environment)

    def code(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def join(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)

    def waitable(self) -> Any:
        return None


def _on_gpu(run: Run, gpu: int) -> _Process:
    return _Process(run, gpu)


def _check_end(run: Run, code: int) -> Run:
    """The run, if its process brought it to an end; to have diverged is an end.

    Raises:
        Stopped: It was asked to stop.
        RunProblem: It failed otherwise, or was killed.
    """
    status = run.status
    if status.state == "done" or (status.state == "failed" and run.diverged):
        return run
    if status.state == "stopped":
        raise Stopped
    if code < 0:  # by a signal; otherwise the status that it wrote stands
        run.write_status(state="failed", message=KILLED)
    raise RunProblem(f"Run {run.id} of this study failed. {run.status.message}")
