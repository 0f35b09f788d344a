"""The executor of this machine: four verbs over the queue, and a supervisor that outlives the page."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from filelock import FileLock, Timeout

from tltk import home
from tltk.errors import BadSpec, RunProblem, machine_errors
from tltk.jobs import handed, provenance, queue
from tltk.jobs.checking import check, check_names
from tltk.jobs.executor import Trainer
from tltk.runs import sync
from tltk.runs.run import ACTIVE, Run, Status
from tltk.specs.knobs import Spec
from tltk.specs.reading import with_absolute_paths

LEAVING_SECONDS = 30.0  # seconds that a process may take to end after its run has


class Local:
    """Submit, cancel, state and log; holds nothing itself, so any page may make its own.

    Attributes:
        place: Where what it queues is run, an address; "" = on this machine.
    """

    place = ""

    def submit(self, spec: Spec, *, again: bool = False, timeout: float = 0.0) -> Run:
        """Queue a run of this spec, its paths made absolute; one that is done, waits or runs is returned as it is.

        Where the pictures or weights that it names have changed since, it begins again.

        Args:
            spec: What is asked for.
            again: Whether to run it once more in any case; what was found before is kept under `earlier/`.
            timeout: Stop it after this many seconds; 0 = never.

        Raises:
            TltkError: It cannot be meant, as `tltk.jobs.checking.check` says; nothing is queued then.
            RunProblem: It is running and cannot be run again.
        """
        _check_timeout(timeout)
        check_names(spec)  # first: what cannot be meant has no id
        spec = with_absolute_paths(spec)
        run = Run.at(spec.run_id)
        self._let_end(run.id)
        if again and queue.find(run.id) is not None:
            raise RunProblem(f"Run {run.id} waits or runs already; stop it before running it again.")
        if not again and queue.find(run.id) is None:
            provenance.discard_outdated(run)
        if again or run.result() is None:  # an answer stands, though what it is about has gone
            check(spec)
        run = Run.create(spec)
        if again:
            run.clear()
        return self._queue(run, timeout)

    def resume(self, run: Run, *, timeout: float = 0.0) -> Run:
        """Queue a run that stopped, failed or was lost; it continues from its last checkpoint.

        One that is done, waits or runs is returned as it is.

        Raises:
            BadSpec: The time limit is not a number of seconds.
            TltkError: What it reads has gone, or is no longer what can be used; nothing is queued then.
        """
        _check_timeout(timeout)
        self._let_end(run.id)
        if not self._is_over(run):
            check(run.spec)
        return self._queue(run, timeout)

    @staticmethod
    def _is_over(run: Run) -> bool:
        """Whether there is nothing to queue: it waits or runs already, or is done."""
        return queue.find(run.id) is not None or (run.status.state == "done" and run.result() is not None)

    def _queue(self, run: Run, timeout: float) -> Run:
        self._let_end(run.id)
        if self._is_over(run):
            return run
        status = run.status
        if status.state == "waiting" and (active := handed.active_jobs(run)):
            raise RunProblem(
                f"Run {run.id} waits in Slurm's queue, as job {', '.join(active)}; "
                f"`tltk runs stop {run.id}` takes it out."
            )
        home.remove(run.stop_file)
        if status.state != "running":  # as a study's child: it is queued, and found done in its turn
            run.write_status(state="waiting", message="", host=platform.node())
        queue.add(run.id, timeout, light=not run.spec.trains, place=self.place)
        self.wake()
        return run

    def _let_end(self, run_id: str) -> None:
        """Wait until a run that has written its final status has left the queue: its process takes a moment to end."""
        until = time.monotonic() + LEAVING_SECONDS
        while queue.find(run_id) is not None and self.state(run_id) not in ACTIVE and time.monotonic() < until:
            self.wake()
            time.sleep(0.05)

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop: at its next step, else by force after a while."""
        run = Run.at(run_id)
        job = queue.find(run.id)
        if job is None:
            if run.is_with_cluster:
                handed.cancel(run)
            elif is_elsewhere(run.written_status()) and run.status.state in ACTIVE:
                run.ask_to_stop()  # its own machine sees to it
            return
        queue.cancel(run.id)
        run.ask_to_stop()
        self.wake()

    def state(self, run_id: str) -> str:
        """waiting, running, done, stopped or failed."""
        return self._state(Run.at(run_id), queue.find(run_id))

    @staticmethod
    def _state(run: Run, job: queue.Job | None) -> str:
        if job is None:
            state = run.status.state
            return "stopped" if state == "waiting" and is_lost(run) else state
        if job.state == "queued":  # running, where a study trains it meanwhile
            return "running" if run.status.state == "running" else "waiting"
        written = run.written_status().state
        if job.place and written == "waiting":  # for room on a cluster
            return "waiting"
        return "running" if written in ACTIVE else written

    def queue_states(self) -> dict[str, str]:
        """The state of every run that is in the queue; all others are as their folders say.

        One that waits may be trained by a study meanwhile: its folder says so, which is not looked at here, since very
        many may wait.
        """
        found = dict.fromkeys(queue.places(), "waiting")
        return found | {job.run: self._state(Run.at(job.run), job) for job in queue.watched() if job.state == "running"}

    def ahead(self, run_id: str) -> int:
        """How many jobs run or wait before this one."""
        return queue.ahead(run_id)

    def log(self, run_id: str) -> str:
        """What the run's process printed; the last 20,000 characters."""
        path = home.folder("runs") / home.check_id(run_id) / "log.txt"
        try:
            with home.open_file(path) as file:
                file.seek(max(path.stat().st_size - 80_000, 0))  # a character has four bytes at most
                return file.read().decode(errors="replace")[-20_000:]
        except OSError:
            return ""

    def train_all(self, trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
        """Train the children of a study, side by side where that pays: see `tltk.jobs.pool.train_all`.

        Args:
            trainer: The study's worker.
            runs: The children.
            ended: Called with each that has ended.
        """
        from tltk.jobs import pool  # with torch, which only a worker has

        pool.train_all(trainer, runs, ended)

    def wake(self) -> None:
        """Start the supervisor unless it is there; and, of a home in an object store, what carries runs there."""
        ensure_supervisor()
        sync.ensure()


def is_elsewhere(status: Status) -> bool:
    """Whether it is another machine, with a queue of its own, that runs a run or is about to."""
    return status.host not in ("", platform.node())


def is_lost(run: Run) -> bool:
    """Whether a run that waits, and not in the queue, waits for nothing: the table was lost. It can be resumed.

    Slurm may have it, or another machine with a queue of its own.
    """
    return not run.is_with_cluster and not is_elsewhere(run.written_status())


def _check_timeout(timeout: float) -> None:
    if not 0 <= timeout < math.inf:
        raise BadSpec(f"timeout must be a number of seconds, 0 for none. Got {timeout!r}.")


def supervisor_lock() -> FileLock:
    """Held by the one supervisor of this home."""
    return FileLock(home.home() / "supervisor.lock")


def ensure_supervisor() -> None:
    """Start the supervisor unless it is there. It belongs to no page and no terminal."""
    lock = supervisor_lock()
    try:
        home.acquire(lock, 0)
    except Timeout:
        return
    lock.release()
    path = home.home() / "supervisor.log"
    if path.is_dir():
        home.quarantine(path, "it is a folder")
    with machine_errors(path):
        log = path.open("ab")
    options: dict[str, object] = (
        {"start_new_session": True}
        if os.name == "posix"
        else {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}  # type: ignore[attr-defined]
    )
    with machine_errors(sys.executable), log:
        process = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-m", "tltk.jobs.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.home(),
            **options,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie stays with a page
