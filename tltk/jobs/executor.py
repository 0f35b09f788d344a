"""Who runs what is asked for: six verbs, behind which lies this machine, or a cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Protocol

from tltk.errors import BadSpec, truncate
from tltk.jobs.choice import CHOICE, chosen
from tltk.jobs.cluster import shown
from tltk.runs.run import Run
from tltk.specs.knobs import Spec

ADDRESSES = {"ray": "tltk.jobs.ray:RayJobs", "ray+https": "tltk.jobs.ray:RayJobs"}  # of what, by what it begins with


class Trainer(Protocol):
    """Who trains a run, in this process: a worker.

    Attributes:
        owner: The study that it trains for.
    """

    owner: Run

    def load(self, runs: Sequence[Run]) -> None:
        """Read what these are about, once for all that are trained in this process or in forks of it."""

    def train(self, run: Run) -> Run:
        """Train a run to its end; a finished one is left as it is."""

    def train_batch(self, runs: Sequence[Run]) -> None:
        """Train runs of one `tltk.training.heads.batch_key` to their ends, as one batch where that can be."""

    def check(self) -> None:
        """Raise `Stopped` if a stop was requested."""

    def child(self, run: Run) -> Trainer:
        """The trainer of a forked process, which stops with its parent."""


class Executor(Protocol):
    """What pages, the shell and Python ask of the place where specs run; it has no state, so any caller makes one."""

    def submit(self, spec: Spec, *, again: bool = False, timeout: float = 0.0) -> Run:
        """Queue a run of this spec; one that is done, waits or runs is returned as it is.

        Args:
            spec: What is asked for.
            again: Whether to run it once more in any case; what was found before stays.
            timeout: Seconds after which it is stopped; 0 = never.

        Raises:
            TltkError: It cannot be meant; nothing is queued then.
        """

    def resume(self, run: Run, *, timeout: float = 0.0) -> Run:
        """Queue a run that stopped, failed or was lost; it goes on from its last checkpoint.

        Args:
            run: Which.
            timeout: Seconds after which it is stopped; 0 = never.
        """

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop at its next step; after a while it is stopped by force."""

    def state(self, run_id: str) -> str:
        """`waiting`, `running`, `done`, `stopped` or `failed`."""

    def ahead(self, run_id: str) -> int:
        """How many runs run or wait before this one."""

    def log(self, run_id: str) -> str:
        """What the run's process printed; the last 20,000 characters."""

    def train_all(self, trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
        """Train the children of a study to their end, from within the study's own worker.

        Args:
            trainer: Who can train a run in this process.
            runs: The children, in order; finished ones are not trained again.
            ended: Called with each that is done or has diverged.

        Raises:
            RunProblem: One of them failed otherwise; the others are stopped.
            Stopped: The study was asked to stop.
        """

    def wake(self) -> None:
        """Make sure that queued runs get started; called now and then while waiting for a run."""


def executor_from_environment() -> type[Executor] | None:
    """The executor that the environment names, else the one that a page has chosen; None = this machine.

    Raises:
        BadSpec: It names none.
    """
    name = chosen()
    if name in ("", "local"):
        return None
    module, _, kind = ADDRESSES.get(name.partition("://")[0], name).partition(":")
    try:
        found: type[Executor] = getattr(importlib.import_module(module), kind)
    except (ImportError, AttributeError, ValueError) as fault:
        raise BadSpec(
            f"{CHOICE} must be local, an address such as ray://HOST:8265, or name an executor as MODULE:CLASS. "
            f"Got {truncate(shown(name))!r}: {fault}."
        ) from None
    return found
