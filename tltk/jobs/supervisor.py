"""`python -m tltk.jobs.supervisor`: starts queued runs, watches them, stops them. One per home.

It may die: the runs go on, and the next supervisor adopts them by process number and start time. It
ends by itself when there has been nothing to do for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from tltk import home
from tltk.errors import MachineProblem, TltkError
from tltk.jobs import choice, queue
from tltk.jobs.local import supervisor_lock
from tltk.jobs.remote import Remote
from tltk.runs.process import identity, is_alive, is_held
from tltk.runs.run import ACTIVE, KILLED, LOCK, Run, all_runs
from tltk.specs.knobs import Spec
from tltk.specs.parts import OptimSpec
from tltk.specs.training import TransferSpec

TICK_SECONDS, SLOW_TICK_SECONDS = 0.1, 0.3  # seconds between two looks, with and without jobs
LIGHT_SLOT = -1  # the slot of questions that take seconds
SOFT_SECONDS, HARD_SECONDS = 15.0, 20.0  # seconds after a request to stop: terminate, then kill
LIGHT_SOFT_SECONDS, LIGHT_HARD_SECONDS = 3.0, 6.0  # the same for a question, which has nothing to save
IDLE_SECONDS = max(home.setting("TLTK_SUPERVISOR_IDLE", 900), 0.5)  # seconds with an empty queue
PAUSE_SECONDS = 1.0  # seconds until the next look where the table cannot be used
SETTLED_SECONDS = 20.0  # seconds after a start in which no spare is made
SPARE_RAM_BYTES = 8 << 30  # a warm spare is kept on machines with at least so much memory


def slots() -> list[dict[str, str]]:
    """The environment of each run that may go at the same time: one per GPU, else one.

    Where CUDA_VISIBLE_DEVICES is set, the GPUs are those that it names. `TLTK_SLOTS` asks for more slots on a machine
    without one, where there is memory to spare.
    """
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
        n_gpus = sum(line.startswith("GPU ") for line in listed.splitlines())  # the parts of one are listed below it
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = [str(i) for i in range(n_gpus)] if visible is None else [n.strip() for n in visible.split(",")]
        if n_gpus and (gpus := list(takewhile(lambda name: name not in ("", "-1"), names))):
            return [{"CUDA_VISIBLE_DEVICES": name} for name in gpus]
    count = max(int(home.setting("TLTK_SLOTS", 1)), 1)
    threads = int(home.setting("TLTK_THREADS", max((os.cpu_count() or 1) // count, 1), least=1))
    return [{"TLTK_THREADS": str(threads)}] * count


def _merge(environments: list[dict[str, str]]) -> dict[str, str]:
    """The environment of a run that holds these slots: it sees the GPUs of all."""
    return {name: ",".join(dict.fromkeys(one[name] for one in environments)) for name in environments[0]}


def question_seconds(run: Run) -> float:
    """How long a question may take; 0 = as long as it likes."""
    with contextlib.suppress(ValueError):  # no number
        return max(float(os.environ.get("TLTK_QUESTION_SECONDS", "")), 0.0)
    with contextlib.suppress(TltkError):  # of another version
        return run.spec.time_limit_s
    return Spec.time_limit_s


class Worker:
    """A process of ours: a run, or a warm spare that waits for one."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tltk.run", "--wait"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Threads that wait for one another by spinning cost eight times as much once anything else
            # wants a core; asleep they cost a third on an idle machine.
            env={"OMP_WAIT_POLICY": "passive", **os.environ, **choice.of_worker()},
            cwd=home.home(),
            start_new_session=os.name == "posix",
        )
        self.born = identity(self.process.pid)

    def give(self, run: Run, environment: dict[str, str]) -> None:
        """Hand it the run."""
        order = {"folder": str(run.path), "log": str(run.path / "log.txt"), "environment": environment}
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it died meanwhile: the next look at the job says so
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.close()


def kill(pid: int, born: str | float, force: bool) -> None:
    """End a process and its children: by group where there are groups.

    Args:
        pid: Of the process.
        born: When it began; a younger process with that number is left alone.
        force: Whether it is killed at once (SIGKILL) rather than asked to end (SIGTERM).
    """
    if not is_alive(pid, born):
        return
    with contextlib.suppress(psutil.Error, OSError):
        if os.name == "posix":
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
            return
        for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
            process.kill() if force else process.terminate()


class Supervisor:
    """The loop over the queue's table."""

    def __init__(self) -> None:
        self.slots = slots()
        self.workers: dict[str, Worker] = {}
        self.told: set[tuple[str, str]] = set()
        self.spare: Worker | None = None
        self.keeps_spare = psutil.virtual_memory().total >= SPARE_RAM_BYTES and os.environ.get("TLTK_SPARE") != "0"
        self.limits: dict[str, float] = {}
        self.remote = Remote()
        self.busy = time.monotonic()
        self.quiet_until = 0.0  # no new spare before: its imports would slow a run that just began

    def _has_spare(self) -> bool:
        return self.spare is not None and self.spare.process.poll() is None

    def tick(self) -> bool:
        """One look at every job; whether there is any."""
        for job in queue.watched():
            with self._contain_faults(job):
                (self._watch if job.state == "running" else self._skip_cancelled)(job)
        is_busy = not queue.is_empty()
        if is_busy:
            used = {int(slot) for job in queue.watched() if job.state == "running" for slot in job.slots.split()}
            if not queue.is_paused():
                self._begin([place for place in range(len(self.slots)) if place not in used], light=False)
            self._begin([place for place in [LIGHT_SLOT] if place not in used], light=True)
            for job in self.remote.next(queue.watched(), queue.is_paused()):
                with self._contain_faults(job):
                    self._start(job, [])
            self.busy = time.monotonic()
        if self.keeps_spare and time.monotonic() > self.quiet_until and not self._has_spare():
            with contextlib.suppress(OSError):  # a spare is no need
                self.spare = Worker()
        return is_busy

    def _begin(self, free: list[int], light: bool) -> None:
        """Start what comes next on the slots that are free.

        Args:
            free: Their numbers.
            light: Whether they are for questions.
        """
        for job in queue.next_jobs(light, len(free)) if free else ():
            least, uses_all = self._slots_of(job)
            if len(free) < least:
                return  # they are kept until there are enough
            taken = free if uses_all else free[:least]
            with self._contain_faults(job):
                self._start(job, taken)
            free = [place for place in free if place not in taken]
            if not free:
                return

    @contextlib.contextmanager
    def _contain_faults(self, job: queue.Job) -> Iterator[None]:
        """A fault with one job takes that one off the table, with a word in its status; the others go on."""
        try:
            yield
        except Exception as fault:
            problem = fault if isinstance(fault, TltkError) else MachineProblem.of(fault)
            if (job.run, str(fault)) not in self.told:  # ten looks a second would fill the log
                self.told.add((job.run, str(fault)))
                traceback.print_exc() if problem is None else print(f"Run {job.run}: {problem}", flush=True)
            if job.state == "running" and self._lives(job):
                return  # it runs well enough: the next look may tell more
            why = problem or f"Internal error in tltk ({type(fault).__name__}: {fault}). Please report it."
            with contextlib.suppress(TltkError, OSError):
                Run.at(job.run).write_status(state="failed", message=f"It could not be supervised. {why}")
            with contextlib.suppress(MachineProblem):
                queue.remove(job.run)

    def is_idle(self) -> bool:
        """Whether nothing has been asked for some time."""
        return time.monotonic() - self.busy > IDLE_SECONDS

    def _skip_cancelled(self, job: queue.Job) -> None:
        if job.cancelled:
            run = Run.at(job.run)
            if run.path.exists() and run.status.state != "running":
                run.write_status(state="stopped", message="Taken off the queue before it began.")
            queue.remove(job.run)  # last: once it is gone from the queue, its reason can be read

    def _slots_of(self, job: queue.Job) -> tuple[int, bool]:
        """How many slots it needs, and whether it takes every free one.

        Where slots are GPUs a training needs one for each of its processes, and a study, which trains children side by
        side, takes all. Elsewhere its processes share the processor.
        """
        if not job.light and "CUDA_VISIBLE_DEVICES" in self.slots[0]:
            with contextlib.suppress(TltkError):  # its start says what is wrong
                spec = Run.at(job.run).spec
                optim = getattr(spec, "optim", None)
                least = 1
                if isinstance(optim, OptimSpec) and optim.device in ("auto", "cuda"):
                    least = min(optim.processes, len(self.slots))
                return least, spec.trains and not isinstance(spec, TransferSpec)
        return 1, False

    def _start(self, job: queue.Job, slots: list[int]) -> None:
        run = Run.at(job.run)
        if not (run.path / "spec.json").exists():
            queue.remove(job.run)  # its folder was deleted while it waited
            return
        if run.status.state == "running":
            return  # a study trains it at this moment: its turn comes when that has ended
        if run.status.state == "done" and run.result() is not None:
            queue.remove(job.run)  # a study ran it while it waited
            return
        if job.place:
            self.remote.hand_over(job, run)
            return
        worker = self.spare if self.spare is not None and self._has_spare() else Worker()
        self.spare = worker  # until it is sure that it will have the run
        run.write_status(
            state="running",
            message="Starting.",
            pid=worker.process.pid,
            pid_born=worker.born,
            host=platform.node(),
        )
        queue.mark_started(job.run, slots, worker.process.pid, worker.born)
        self.spare, self.quiet_until = None, time.monotonic() + SETTLED_SECONDS
        self.workers[job.run] = worker
        # A question goes beside the trainings: on the first of their devices, with as many threads as each has.
        threads = {k: v for k, v in self.slots[0].items() if k == "TLTK_THREADS"}
        worker.give(run, threads if slots == [LIGHT_SLOT] else _merge([self.slots[slot] for slot in slots]))

    def _watch(self, job: queue.Job) -> None:
        if self._lives(job):
            self._press(job)
            return
        if job.place:
            if self.remote.goes_on(job):
                return
            self._settle(job, self.remote.code(job))
            self.remote.leave(job)
        else:
            worker = self.workers.pop(job.run, None)
            self._settle(job, worker.process.poll() if worker else None)
        queue.remove(job.run)

    def _lives(self, job: queue.Job) -> bool:
        """Of a process of ours its handle is the truth; of another supervisor's, its identity and its lock.

        On a cluster it is what that says, and the heartbeat.
        """
        if job.place:
            return self.remote.lives(job)
        if job.run in self.workers:
            return self.workers[job.run].process.poll() is None
        run = Run.at(job.run)
        if is_alive(job.pid or 0, job.born or 0) or is_held(run.path / LOCK):
            return True
        status = run.written_status()  # on another machine, whose locks need not be seen here, it shows signs of life
        return status.state == "running" and status.host not in ("", platform.node()) and run.is_run(status)

    def _press(self, job: queue.Job) -> None:
        """Stop what was cancelled or ran too long: first politely, then not."""
        now = time.time()
        if self._is_late(job) and not job.cancelled:
            queue.cancel(job.run)
            Run.at(job.run).ask_to_stop()
            return
        waited = now - job.cancelled if job.cancelled else 0.0
        soft, hard = (LIGHT_SOFT_SECONDS, LIGHT_HARD_SECONDS) if job.light else (SOFT_SECONDS, HARD_SECONDS)
        if job.place and job.cancelled:
            self.remote.press(job, waited > soft)
        elif waited > soft:
            kill(job.pid or 0, job.born or 0, force=waited > hard)

    def _limit(self, job: queue.Job) -> float:
        """Seconds that the job may take; 0 = any."""
        if job.timeout or not job.light:
            return job.timeout
        if job.run not in self.limits:
            self.limits[job.run] = question_seconds(Run.at(job.run))
        return self.limits[job.run]

    def _is_late(self, job: queue.Job) -> bool:
        limit, began = self._limit(job), self.remote.began(job) if job.place else job.started
        return bool(limit) and time.time() - (began or time.time()) > limit

    def _settle(self, job: queue.Job, code: int | None) -> None:
        """Write the status of a run whose process ended without writing one."""
        run = Run.at(job.run)
        if not run.path.exists():
            return
        state = run.written_status().state
        limit, late = self._limit(job), self._is_late(job)
        self.limits.pop(job.run, None)
        if late and state in (*ACTIVE, "stopped") and not job.timeout:
            run.write_status(
                state="failed",
                message=f"The question must be answered within {limit:g} s, since others wait for it. It was not, and "
                "was stopped. Ask for less, check what it reads, or raise TLTK_QUESTION_SECONDS and ask again.",
            )
            return
        if late and state in (*ACTIVE, "stopped"):
            run.write_status(state="stopped", message=f"Stopped after its time limit of {limit:g} s.")
            return
        if state not in ACTIVE:
            return
        if job.cancelled:
            then = "ask again for the answer" if job.light else "it can be resumed from its checkpoint"
            run.write_status(state="stopped", message=f"Stopped by force; {then}.")
        elif job.place and code not in (None, -signal.SIGTERM) and (why := self.remote.explain(job, run)):
            run.write_status(state="failed", message=why)  # with code 0 too: on a disk of its own it ran for itself
        elif code == -signal.SIGTERM or code == 0:
            run.write_status(state="stopped", message="Its process was asked to end; it can be resumed.")
        elif code in (-9, 137):
            run.write_status(state="failed", message=KILLED)
        else:
            how = "was lost" if code is None else f"ended with code {code}"
            run.write_status(
                state="failed",
                message=f"Its process {how} without a message. Resuming continues from the last checkpoint; the log "
                "may "
                "say more.",
            )


def serve(lock: FileLock) -> None:
    """Look after the queue until it has been empty for a while.

    The queue is looked at once more after the lock is let go, since whoever submitted a job
    meanwhile saw the lock held and relies on us.
    """
    supervisor, own = Supervisor(), _inode(lock)
    # Beside the queue, which would else wait until each of very many folders has been looked at.
    threading.Thread(target=remove_leftovers, daemon=True).start()
    told = ""
    while own == _inode(lock):  # else the home was deleted under us, and perhaps made again
        while not supervisor.is_idle() and own == _inode(lock):
            try:
                time.sleep(TICK_SECONDS if supervisor.tick() else SLOW_TICK_SECONDS)
                told = ""
            except MachineProblem as fault:  # of the table: it may pass, as a full disk does
                if told != str(fault):
                    print(fault, flush=True)
                told = str(fault)
                time.sleep(PAUSE_SECONDS)
        lock.release()
        with contextlib.suppress(MachineProblem):
            if not queue.is_empty():
                lock.acquire(timeout=5)
                supervisor.busy = time.monotonic()
                continue
        break
    if supervisor.spare is not None and supervisor.spare.process.stdin is not None:
        supervisor.spare.process.stdin.close()


def remove_leftovers() -> None:
    """Remove what killed writers left: temporary files, and the checkpoint of a run that is done."""
    with contextlib.suppress(TltkError, OSError):
        weights = home.folder("weights")
        for folder in (home.home(), home.folder("columns"), weights, *weights.glob("*/")):
            home.remove_temporary_files(folder)
        for run in all_runs():
            home.remove_temporary_files(run.path)
            checkpoint = run.path / "checkpoint.safetensors"
            if checkpoint.is_file() and run.status.state == "done" and run.result() is not None:
                home.remove(checkpoint)


def _inode(lock: FileLock) -> int:
    """Which file the lock is, 0 when it is gone."""
    try:
        return os.stat(lock.lock_file).st_ino
    except OSError:
        return 0


def main() -> int:
    """Serve, unless another supervisor does."""
    lock = supervisor_lock()
    try:
        home.acquire(lock, 1)
    except Timeout:
        return 0
    except TltkError as fault:
        print(fault, flush=True)
        return 1
    os.chdir(Path(home.home()))
    serve(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
