"""Slurm: the trainings of a study as one array of jobs, and the study itself as the job that comes after them.

The home lies on a disk that the login node and all nodes see. Each task of the array is `python -m tltk.run FOLDER`, as
everywhere. What a study wants next is asked of it again once its array has ended: there may be another array, or all of
its trainings are done and it reports. Scripts and their submission are submitit's. No torch here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tltk import home
from tltk.errors import BadSpec, MachineProblem, RunProblem, TltkError
from tltk.jobs import choice, queue
from tltk.jobs.cluster import LOST_SECONDS, is_beating
from tltk.jobs.handed import active_jobs, jobs_named, name_of, note, take_off
from tltk.jobs.local import Local
from tltk.runs.process import identity, is_alive
from tltk.runs.run import ACTIVE, BEAT_SECONDS, CLUSTER, KILLED, Run
from tltk.specs.training import TransferSpec
from tltk.studies.study import conduct, weights_run

MAX_ARRAY = 1000  # tasks of an array: Slurm's own limit, MaxArraySize, is 1001 unless a site has changed it
MAX_TIMEOUTS = 100  # how often a training that meets its time limit is queued again
TELL_SECONDS, TELL_PAUSE_SECONDS = 120.0, 5.0  # for which it is tried to write down how a job ended, and between tries
LAST_GB = 4.0  # of the study's own job, which reads its pictures once more


@dataclass(frozen=True)
class Resources:
    """What each job asks Slurm for.

    Attributes:
        partition: Where; "" = the site's own choice.
        account: Whom it is charged to; "" = the site's own choice.
        minutes: Time limit of a job. A training that meets it is queued again and goes on from its checkpoint.
        memory_gb: Memory of a job, in GB.
        gpus: Of each training; the study's own job has none.
        cpus: Cores of a job.
        at_once: How many trainings of a study may run at the same time.
        study_partition: Where the study's own job, without a GPU, runs; "" = where its trainings do.
    """

    partition: str = ""
    account: str = ""
    minutes: int = 60
    memory_gb: float = 8.0
    gpus: int = 0
    cpus: int = 1
    at_once: int = 256
    study_partition: str = ""


class Slurm(Local):
    """Hands to Slurm what is asked for, by the same checks as on this machine.

    Args:
        resources: What each job asks for.
    """

    def __init__(self, resources: Resources | None = None) -> None:
        self.resources = resources or Resources()

    def _queue(self, run: Run, timeout: float) -> Run:
        check_installed()
        if queue.find(run.id) is not None:
            raise RunProblem(f"Run {run.id} waits or runs on this machine already; stop it before it goes to Slurm.")
        if active := active_jobs(run):
            raise RunProblem(
                f"Run {run.id} must not be in Slurm's queue already. It is, as job {', '.join(active)}; "
                f"`tltk runs stop {run.id}` takes it out."
            )
        if run.status.state != "done" or run.result() is None:
            if left := jobs_named(run):
                raise RunProblem(
                    f"Run {run.id} must not be in Slurm's queue already. Slurm has a job called so, {', '.join(left)}, "
                    f"as when it took one and could not say so any more; `scancel {' '.join(left)}` takes it out."
                )
            home.remove(run.stop_file)
            hand_over(run, self.resources)
        return run

    def wake(self) -> None:
        """Nothing: Slurm starts what waits."""


def check_installed() -> None:
    """Refuse where there is no Slurm, or nothing to speak to it.

    Raises:
        BadSpec: What to install, or where to go.
    """
    missing = [name for name in ("sbatch", "srun") if shutil.which(name) is None]
    if missing:
        raise BadSpec(
            f"--slurm must be asked where Slurm's commands are, as on a login node of a cluster. {missing[0]} was not "
            "found here; log in there, or load the site's module for Slurm."
        )
    if importlib.util.find_spec("submitit") is None:
        raise BadSpec('--slurm needs the package submitit. It is not installed; pip install "tltk[slurm]".')


# -- handing over --------------------------------------------------------------------------------------------


def hand_over(run: Run, asked: Resources) -> None:
    """Submit what of a run can run now: itself, or where it is a study its trainings, and itself after them.

    Args:
        run: A training, a question or a study.
        asked: What each job asks for.

    Raises:
        RunProblem: Slurm refused, in its own words.
    """
    spec = run.spec
    if not spec.trains or isinstance(spec, TransferSpec):
        with _handing([run], "It waits in Slurm's queue."):
            [job] = _submit([_Execute(str(home.home()), run.id, asked.cpus)], asked, name_of(run))
        note(run, [job], [])
        return
    left = unfinished(run)
    ready = [one for one in left if weights_run(one) not in {other.id for other in left}]
    own = dataclasses.replace(asked, gpus=0, memory_gb=max(LAST_GB, asked.memory_gb), cpus=asked.cpus)
    own = dataclasses.replace(own, partition=asked.study_partition or asked.partition)
    n = len(ready)
    told = f"{n} of its trainings {'is' if n == 1 else 'are'} in Slurm's queue." if n else "It waits in Slurm's queue."
    jobs: list[str] = []
    with _handing([*ready, run], told), _whole(run, jobs, ready):
        for start in range(0, n, MAX_ARRAY):
            part = ready[start : start + MAX_ARRAY]
            tasks: list[Callable[[], Any]] = [_Execute(str(home.home()), one.id, asked.cpus) for one in part]
            found = _submit(tasks, asked, name_of(run))
            jobs.append(found[0].partition("_")[0])
            for one, job in zip(part, found, strict=True):
                note(one, [job], [])
        last = _Conduct(str(home.home()), run.id, asked, tuple(one.id for one in ready))
        after = {"dependency": f"afterany:{':'.join(jobs)}"} if jobs else {}
        # Not through srun: within one of its steps no further job could be submitted.
        jobs += _submit([last], own, f"{name_of(run)}-study", use_srun=False, **after)
    note(run, jobs, [one.id for one in ready])


def unfinished(run: Run) -> list[Run]:
    """The children that a study wants next and that have not come to an end; none where it can report.

    Args:
        run: The study. Its children get their folders and are noted there.
    """
    spec = run.spec
    package = type(spec).__module__.rpartition(".")[0]
    module = importlib.import_module(f"{package}.study")

    def tell(done: int, what: str) -> None:
        run.write_status(epoch=done, epochs=module.n_trainings(spec))

    def look(runs: list[Run], ended: Callable[[Run], None], enough: object = None) -> None:
        left = [one for one in runs if not _has_ended(one)]
        for one in runs:
            if one not in left:
                ended(one)
        if left:
            raise _Left(left)

    try:
        conduct(run, getattr(module, package.rpartition(".")[2])(spec), look, tell)
    except _Left as found:
        return found.runs
    return []


class _Left(Exception):
    """A study goes no further without these."""

    def __init__(self, runs: list[Run]) -> None:
        super().__init__()
        self.runs = runs


def _has_ended(run: Run) -> bool:
    """Whether a child is done, or ended without figures, which is an end too."""
    state = run.status.state
    if state == "done":
        return run.result() is not None
    return bool(run.pruned) or (state == "failed" and bool(run.diverged))


@contextlib.contextmanager
def _handing(runs: Sequence[Run], told: str) -> Iterator[None]:
    """Say first that they wait, since the first of them may begin at once; take it back where Slurm refuses."""
    for run in runs:
        home.remove(run.stop_file)
        run.write_status(state="waiting", message=told)
    try:
        yield
    except BaseException:
        for run in runs:
            if run.written_status().state == "waiting":
                run.write_status(state="stopped", message="Slurm did not take it; it can be submitted again.")
        raise


@contextlib.contextmanager
def _whole(run: Run, jobs: list[str], ready: Sequence[Run]) -> Iterator[None]:
    """All jobs of a study, or none: what Slurm took of it before it refused is taken back, or noted where it cannot be.

    Args:
        run: The study.
        jobs: What Slurm took, filled in meanwhile.
        ready: Its trainings.
    """
    try:
        yield
    except BaseException:
        try:
            take_off(jobs)
        except TltkError:
            note(run, jobs, [one.id for one in ready])  # `tltk runs stop` takes them off
        else:
            for one in ready:
                home.remove(one.path / CLUSTER)
        raise


def _submit(
    tasks: Sequence[Callable[[], Any]], asked: Resources, name: str, *, use_srun: bool = True, **more: str
) -> list[str]:
    """Write the script of an array, or of one job, and submit it; the numbers of the jobs.

    Args:
        tasks: What each of them calls.
        asked: What each asks for.
        name: As `squeue` shows it.
        use_srun: Whether it is a step of its own, which is told before its time is up.
        **more: Further parameters of `sbatch`.

    Raises:
        RunProblem: Slurm refused.
    """
    import submitit  # an extra

    parameters: dict[str, Any] = {
        "job_name": name,
        "time": asked.minutes,
        "mem": f"{round(asked.memory_gb * 1024)}MB",
        "cpus_per_task": asked.cpus,
        "array_parallelism": asked.at_once,
        "use_srun": use_srun,
        "srun_args": [f"--cpus-per-task={asked.cpus}"],  # which a step does not take over from its job
        "wckey": None,
        **{key: value for key in ("partition", "account") if (value := getattr(asked, key))},
        **({"gpus_per_node": asked.gpus} if asked.gpus else {}),
        **more,
    }
    try:
        executor = submitit.SlurmExecutor(home.folder("slurm"), max_num_timeout=MAX_TIMEOUTS)
        executor.update_parameters(**parameters)
        with executor.batch():
            found = [executor.submit(task) for task in tasks]
        return [str(job.job_id) for job in found]
    except (OSError, RuntimeError, subprocess.SubprocessError, ValueError) as fault:
        words = " ".join(str(fault).split())[-400:]
        raise RunProblem(f"Slurm must take the job. It did not: {words}") from None


# -- in a job ------------------------------------------------------------------------------------------------


class _Execute:
    """What a task does: execute a run as everywhere; submitit keeps it, and calls `checkpoint` before time is up.

    Args:
        place: The home.
        run: Id.
        cpus: Its cores.
    """

    def __init__(self, place: str, run: str, cpus: int) -> None:
        self.place, self.run, self.cpus = place, run, cpus
        self._process: tuple[int, str | float] = (0, 0.0)

    def __call__(self) -> int:
        environment = {"TLTK_THREADS": str(self.cpus), **os.environ, "TLTK_HOME": self.place}
        environment |= choice.of_worker()
        os.environ["TLTK_HOME"] = self.place
        run = Run.at(self.run)
        try:
            if run.stop_file.exists():
                run.write_status(state="stopped", message="Stopped before it began; it can be resumed.")
                return 0
            with open(run.path / "log.txt", "ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tltk.run", str(run.path)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                )
        except (OSError, TltkError) as fault:
            _fail(run, str(MachineProblem.of(fault, run.path) or fault))
            return 1
        self._process = (process.pid, identity(process.pid))
        code = process.wait()
        status = run.written_status()
        if status.state == "running" and (status.pid, status.pid_born) == self._process:
            ended = f"Its process ended with code {code} without a message. Its log may say more."
            _fail(run, KILLED if code < 0 else ended)
        return code

    def checkpoint(self) -> Any:
        """Stop the run at its next step, and ask to be called again unless it has ended by itself."""
        from submitit.helpers import DelayedSubmission

        pid, born = self._process
        if is_alive(pid, born):
            os.kill(pid, signal.SIGTERM)
        while is_alive(pid, born):  # not by its handle, for which the call that this interrupts is waiting
            time.sleep(0.1)
        run = Run.at(self.run)
        if run.stop_file.exists() or run.status.state not in ("stopped", *ACTIVE):
            return None
        run.write_status(state="waiting", message="It met its time limit, and is in Slurm's queue again.")
        return DelayedSubmission(_Execute(self.place, self.run, self.cpus))


class _Conduct:
    """What comes after an array: the next one, or the study's report where nothing is left to train.

    Args:
        place: The home.
        run: The study's id.
        asked: What each job asks for.
        handed: Ids of the trainings that were in the array.
    """

    def __init__(self, place: str, run: str, asked: Resources, handed: Collection[str]) -> None:
        self.place, self.run, self.asked, self.handed = place, run, asked, handed

    def __call__(self) -> int:
        os.environ["TLTK_HOME"] = self.place
        run = Run.at(self.run)
        try:
            if run.stop_file.exists():
                home.remove(run.stop_file)
                run.write_status(state="stopped", message="Stopped by request; it can be resumed.")
                return 0
            left = unfinished(run)
            for one in left:
                if one.id in self.handed:
                    _settle(one)
                    raise _not_ended(one)
            if left:
                hand_over(run, self.asked)
                return 0
        except Exception as fault:  # whatever it was, nobody else would end the study
            known = fault if isinstance(fault, TltkError) else MachineProblem.of(fault)
            if known is None:
                traceback.print_exc()
            why = known or f"Internal error in tltk ({type(fault).__name__}: {fault}). Please report it."
            then = f"`tltk submit --slurm resume {run.id}`, asked on a login node, goes on with what is left."
            _fail(run, f"{why} {then}")
            return 1
        return _Execute(self.place, self.run, self.asked.cpus)()


def _fail(run: Run, message: str) -> None:
    """Say that it failed; tried again for a while, since a disk that is full or away may keep it from being said."""
    until = time.monotonic() + TELL_SECONDS
    while True:
        try:
            run.write_status(state="failed", message=message)
            return
        except (OSError, TltkError) as fault:
            print(f"{message} That could not be written down: {fault}", flush=True)
            if time.monotonic() > until:
                return
            time.sleep(TELL_PAUSE_SECONDS)


def _settle(run: Run) -> None:
    """End the status of a training whose job has ended with its node or its memory, so that nobody could write it."""
    until = time.monotonic() + LOST_SECONDS + BEAT_SECONDS
    while is_beating(run) and time.monotonic() < until:
        time.sleep(0.5)
    if run.written_status().state == "running" and not is_beating(run):
        run.write_status(state="failed", message=KILLED)


def _not_ended(run: Run) -> RunProblem:
    """Why a study does not go on: one of its trainings came to no end."""
    status = run.status
    why = status.message if status.state == "failed" else f"It is {status.state}. {status.message}"
    return RunProblem(f"Run {run.id} of this study did not come to its end. {why}")
