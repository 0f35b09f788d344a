"""The executor of this machine: four verbs over the queue, and a supervisor that outlives the page."""

from __future__ import annotations

import os
import subprocess
import sys

from filelock import FileLock, Timeout

from tltk import home
from tltk.errors import RunProblem
from tltk.jobs import queue
from tltk.runs import ACTIVE, Run
from tltk.spec import QUESTIONS, AnySpec


class Local:
    """Submit, cancel, state and log; holds nothing itself, so any page may make its own."""

    def submit(self, spec: AnySpec, *, again: bool = False, timeout: float = 0.0) -> Run:
        """Queue a run of this spec; one that is done, waits or runs is returned as it is.

        Args:
            spec: What is asked for.
            again: Forget what an earlier run of this spec found, and run it anew.
            timeout: Stop it after so many seconds; 0 = never.

        Raises:
            RunProblem: It is running and cannot be run anew.
        """
        run = Run.create(spec)
        if queue.find(run.id) is not None:
            if again:
                raise RunProblem(f"Run {run.id} waits or runs already; stop it before running it anew.")
            return run
        if again:
            run.clear()
        if run.status.state == "done" and run.result() is not None:
            return run
        return self.resume(run, timeout=timeout)

    def resume(self, run: Run, *, timeout: float = 0.0) -> Run:
        """Queue a run that stopped, failed or was lost; it goes on from its last checkpoint."""
        run.stop_file.unlink(missing_ok=True)
        run.write_status(state="waiting", message="")
        queue.add(run.id, timeout, light=isinstance(run.spec, QUESTIONS))
        ensure_supervisor()
        return run

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop: at its next step, else by force after a while."""
        run = Run.at(run_id)
        job = queue.find(run.id)
        if job is None:
            return
        queue.cancel(run.id)
        run.stop_file.touch()
        ensure_supervisor()

    def state(self, run_id: str) -> str:
        """waiting, running, done, stopped or failed."""
        run, job = Run.at(run_id), queue.find(run_id)
        if job is None:
            # Waiting without a job: the table was lost. It can be resumed.
            state = run.status.state
            return "stopped" if state == "waiting" else state
        written = run.written_status().state
        return "waiting" if job.state == "queued" else "running" if written in ACTIVE else written

    def ahead(self, run_id: str) -> int:
        """How many jobs run or wait before this one."""
        names = [job.run for job in queue.jobs() if not job.light]
        return names.index(run_id) if run_id in names else 0

    def log(self, run_id: str) -> str:
        """What the run's process printed; the last 20,000 characters."""
        path = home.room("runs") / home.check_id(run_id) / "log.txt"
        return path.read_text(errors="replace")[-20_000:] if path.exists() else ""


def supervisor_lock() -> FileLock:
    """Held by the one supervisor of this home."""
    return FileLock(home.home() / "supervisor.lock")


def ensure_supervisor() -> None:
    """Start the supervisor unless it is there. It belongs to no page and no terminal."""
    lock = supervisor_lock()
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    lock.release()
    log = (home.home() / "supervisor.log").open("ab")
    options: dict[str, object] = (
        {"start_new_session": True}
        if os.name == "posix"
        else {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}  # type: ignore[attr-defined]
    )
    subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-m", "tltk.jobs.supervisor"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home.home(), **options,
    )  # fmt: skip
    log.close()
