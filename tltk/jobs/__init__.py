"""Runs in the background: a queue that belongs to no page. No torch here.

queue.py       the table of jobs (SQLite, beside the runs; it can be lost without losing a run)
supervisor.py  one detached process per home: starts, watches, stops
choice.py      where new runs go: what the shell says, else what a page has chosen for this home
executor.py    who runs what is asked for: submit, resume, cancel, state, ahead, log, wake
local.py       the executor of this machine that pages and the shell talk to: submit, cancel, state, log
ray.py         the executor of a Ray cluster: the same queue, and processes that are Ray Jobs
cluster.py     a Ray cluster by its REST API: what a run asks for, how it stands, how it ended
nodes.py       whether a run could begin on each node there
remote.py      what the supervisor does of runs there
slurm.py       an executor that hands runs to Slurm: an array of jobs for the trainings of a study
handed.py      which jobs of Slurm have a run, and how to take it back
listing.py     the runs of this home as lists show them: the index, and what the queue says of them
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tltk.errors import BadSpec, RunProblem
from tltk.jobs.executor import Executor, executor_from_environment
from tltk.jobs.local import Local
from tltk.runs.run import ACTIVE, Run
from tltk.specs.knobs import Spec
from tltk.specs.reading import result_class

__all__ = ["Executor", "Local", "ask", "executor", "launch", "wait"]

LOOK_SECONDS = 3.0  # seconds between two looks whether the supervisor is there


def executor() -> Executor:
    """Who runs what is asked for here: this machine, unless TLTK_EXECUTOR or the page Runs names another.

    Raises:
        BadSpec: It names none.
    """
    return (executor_from_environment() or Local)()


def wait(run: Run, watch: Callable[[Run], None] = lambda run: None, every: float = 0.1) -> Run:
    """Return when the run has ended, calling `watch` meanwhile.

    Args:
        run: One that was queued.
        watch: Called with the run at each look, and once after the end.
        every: Seconds between two looks.

    Raises:
        BadSpec: What was asked for cannot be meant, which showed only as it ran.
        RunProblem: It failed; the sentence is the run's own.
    """
    local, looked = executor(), time.monotonic()
    while local.state(run.id) in ACTIVE:
        watch(run)
        time.sleep(every)
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            local.wake()  # it may have been killed; a queued run must not wait indefinitely
    watch(run)
    status = run.status
    if status.state == "failed":
        raise (BadSpec if status.refused else RunProblem)(status.message)
    return run


def launch(spec: Spec, *, again: bool = False) -> Run:
    """Run this spec in the background and wait for its end; a finished run is returned at once.

    Args:
        spec: What is asked for.
        again: Whether to run it once more in any case; what an earlier run found is kept under `earlier/`.

    Raises:
        TltkError: It cannot be meant; nothing was queued.
        RunProblem: It failed.

    Example:
        run = tltk.launch(tltk.TransferSpec(target=tltk.DataSpec("digits")))
        run.result()["accuracy"]
    """
    run = executor().submit(spec, again=again)
    return wait(run)


def ask(spec: Spec, *, again: bool = False) -> Any:
    """The answer to an analysis, or what a study found, as the class of results of its kind.

    Args:
        spec: What is asked; of any kind but a training, for which see `launch` and `tltk.train`.
        again: Whether to compute it once more though it was answered before.

    Returns:
        An instance of the class in the `result.py` beside the spec, such as `ProfileResult`.

    Raises:
        TltkError: It cannot be meant; nothing was queued.
        RunProblem: It failed, or was stopped.

    Example:
        found = tltk.ask(tltk.InspectSpec(tltk.DataSpec("digits")))
        found.classes
    """
    run = launch(spec, again=again)
    found = run.read(result_class(type(spec)))
    if found is None:
        raise RunProblem(f"Run {run.id} must have an answer. It is {run.status.state}; ask again.")
    return found
