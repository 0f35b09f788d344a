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
from functools import partial
from multiprocessing import connection
from typing import Any, Protocol

import psutil
import torch

from tltk import home
from tltk.errors import BadSpec, Diverged, Pruned, RunProblem, TltkError
from tltk.jobs.executor import Trainer
from tltk.runs.run import KILLED, Run
from tltk.specs.training import TransferSpec
from tltk.studies.study import weights_run
from tltk.training.callbacks import Stopped
from tltk.training.heads import batch_key
from tltk.training.optimizer import pick_device

FEWEST_HEADS = 6  # a batch of heads is divided among processes as long as its parts have so many
MAX_CHILDREN, CHILD_RAM_BYTES = 8, 1.5e9  # most trainings side by side, and the memory that each may want
GRACE_SECONDS = 10.0  # that a child process gets to end by itself


def train_all(trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
    """Train several runs: on a CPU side by side, one thread each; on several GPUs one run on each; else in turn.

    A run in several processes takes a thread, or a GPU, for each.

    Those of which only the head learns, with the same frozen layers and pictures, are one batch of heads, except on
    several GPUs.

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
    optims = [run.spec.optim for run in runs if isinstance(run.spec, TransferSpec)]
    threads = max((optim.threads * optim.processes for optim in optims), default=1)
    each = max((optim.processes for optim in optims), default=1)  # GPUs of a run
    device, gpus = pick_device("auto").type, n_gpus() // each
    n_places = min(n_threads() // threads, int(psutil.virtual_memory().total / CHILD_RAM_BYTES), MAX_CHILDREN)
    if device == "cuda" and min(gpus, len(runs)) > 1:
        side_by_side([(run,) for run in runs], list(range(gpus)), partial(_on_gpus, each), trainer.check, ended)
    elif device == "cpu" and n_places > 1 and os.name == "posix":
        trainer.load(runs)
        places = list(range(n_places))
        side_by_side(batches(runs, n_places), places, lambda unit, _: _fork(trainer, unit), trainer.check, ended)
    else:
        trainer.load(runs)
        for unit in batches(runs):
            _train(trainer, unit)
            for run in unit:
                ended(run)


Unit = tuple[Run, ...]  # what one process trains at a time: a run, or runs that are one batch of heads


def batches(runs: Sequence[Run], places: int = 1) -> list[Unit]:
    """The runs, those that can be one batch of heads together; in the order of each batch's first.

    Args:
        runs: What is to be trained.
        places: How many units can be trained at once. Where there are fewer, the largest batch is divided, as long as
            its parts are large enough to be worth it.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        key = batch_key(run.spec) if isinstance(run.spec, TransferSpec) else None
        found.setdefault(key or run.id, []).append(run)
    units = [tuple(unit) for unit in found.values()]
    while len(units) < places:
        at = max(range(len(units)), key=lambda i: len(units[i]), default=-1)
        if at < 0 or len(units[at]) < 2 * FEWEST_HEADS:
            break
        half = len(units[at]) // 2
        units[at : at + 1] = [units[at][:half], units[at][half:]]
    return units


def _train(trainer: Trainer, unit: Unit) -> None:
    """Train them here; to have diverged is an end."""
    if len(unit) > 1:
        trainer.train_batch(unit)
        return
    with contextlib.suppress(Diverged, Pruned):
        trainer.train(unit[0])


def n_threads() -> int:
    """How many threads this process may compute with."""
    return int(home.setting("TLTK_THREADS", os.cpu_count() or 1, least=1))


def n_gpus() -> int:
    """How many GPUs a study may use at once; asking does not open one."""
    return torch.cuda.device_count()


class Child(Protocol):
    """A process that trains one run, here or on another machine."""

    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""

    def stop(self) -> None:
        """Ask it to stop at its next step."""

    def join(self) -> None:
        """Wait a while for its end."""

    def waitable(self) -> Any:
        """What `connection.wait` takes; None where there is nothing."""


def side_by_side(
    units: Sequence[Unit],
    places: list[int],
    start: Callable[[Unit, int], Child],
    check: Callable[[], None],
    ended: Callable[[Run], None],
) -> None:
    """Keep every place busy until all have ended.

    Args:
        units: What one process trains at a time; one that begins with the weights of another waits for it.
        places: What `start` is told, one for each that may go at the same time.
        start: Begins one.
        check: Raises what ends all.
        ended: Called with each run that has ended.

    Raises:
        RunProblem: One of them failed; the others are stopped.
        Stopped: Somebody asked for it.
    """
    waiting, free, busy = list(units), list(places), dict[Child, tuple[Unit, int]]()
    try:
        while waiting or busy:
            check()
            unfinished = {run.id for unit in (*waiting, *(unit for unit, _ in busy.values())) for run in unit}
            ready = [unit for unit in waiting if not any(weights_run(run) in unfinished for run in unit)]
            for unit in ready[: len(free)]:
                waiting.remove(unit)
                place = free.pop(0)
                busy[start(unit, place)] = (unit, place)
            sentinels = [s for child in busy if (s := child.waitable()) is not None]
            connection.wait(sentinels, timeout=0.1) if sentinels else time.sleep(0.1)
            for child in [child for child in busy if child.code() is not None]:
                unit, place = busy.pop(child)
                free.append(place)
                for run in unit:
                    ended(_check_end(run, child.code() or 0))
    finally:
        for child in busy:
            child.stop()
        for child in busy:
            child.join()


class _Fork:
    """A fork of this process."""

    def __init__(self, trainer: Trainer, unit: Unit) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_in_fork, args=(trainer, unit))
        self._process.start()

    def code(self) -> int | None:
        return self._process.exitcode

    def stop(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join(GRACE_SECONDS)

    def waitable(self) -> Any:
        return self._process.sentinel


def _fork(trainer: Trainer, unit: Unit) -> _Fork:
    return _Fork(trainer, unit)


def _in_fork(trainer: Trainer, unit: Unit) -> None:
    """What a fork does: a training, or one batch of heads, with one thread, for its parent's study."""
    torch.set_num_threads(1)
    own = trainer.child(unit[0])
    with contextlib.suppress(Stopped, TltkError):  # the run's status says it
        _train(own, unit)
    sys.stdout.flush()
    os._exit(0)  # not through the parent's clean-up


class _Process:
    """A separate worker process that sees one GPU, or one for each of its run's processes."""

    def __init__(self, run: Run, gpus: Sequence[int]) -> None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        seen = [name.strip() for name in visible if name.strip()]
        names = [seen[gpu] if gpu < len(seen) else str(gpu) for gpu in gpus]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(names)}
        environment["TLTK_SEND_SECONDS"] = "0"  # the study's own process waits until a home in a store has all
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


def _on_gpus(each: int, unit: Unit, place: int) -> _Process:
    return _Process(unit[0], range(place * each, (place + 1) * each))


def _check_end(run: Run, code: int) -> Run:
    """The run, if its process brought it to an end; to have diverged or been pruned is an end.

    Raises:
        Stopped: It was asked to stop.
        BadSpec: What it was to do cannot be meant, which showed only as it ran.
        RunProblem: It failed otherwise, or was killed.
    """
    status = run.status
    if status.state == "done" or (status.state == "failed" and run.diverged) or run.pruned:
        return run
    if status.state == "stopped":
        raise Stopped
    if code < 0:  # by a signal; otherwise the status that it wrote stands
        run.write_status(state="failed", message=KILLED)
    status = run.status
    raise (BadSpec if status.refused else RunProblem)(f"Run {run.id} of this study failed. {status.message}")
