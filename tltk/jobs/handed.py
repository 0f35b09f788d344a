"""What was handed to Slurm: which jobs have a run, whether they wait or run, and how to take them back. No torch."""

from __future__ import annotations

import shutil
import subprocess

import msgspec

from tltk import home
from tltk.errors import MachineProblem, truncate
from tltk.runs.run import ACTIVE, CLUSTER, Run

UNKNOWN = "invalid job id"  # what Slurm says of a job that ended long ago
ASK_SECONDS = 60  # that a command of Slurm's may take


class Handed(msgspec.Struct, frozen=True):
    """What lies in the folder of a run that Slurm has.

    Attributes:
        jobs: Numbers of its jobs, as `scancel` takes them.
        runs: Ids of the runs that they execute, beside this one.
    """

    jobs: list[str]
    runs: list[str]


def note(run: Run, jobs: list[str], runs: list[str]) -> None:
    """Write down which jobs have a run.

    Args:
        run: A training, a question or a study.
        jobs: Their numbers.
        runs: Ids of the runs beside this one that they execute.
    """
    home.write_atomic(run.path / CLUSTER, msgspec.json.encode(Handed(jobs, runs)))


def handed(run: Run) -> Handed | None:
    """What is noted of a run's jobs; None where Slurm never had it."""
    path = run.path / CLUSTER
    return home.read_json(path, Handed) if path.exists() else None


def active_jobs(run: Run) -> list[str]:
    """Those of a run's jobs that wait or run, as `squeue` says; none where there is no Slurm.

    Raises:
        MachineProblem: Slurm does not say, so that it may have them.
    """
    found = handed(run) if shutil.which("squeue") else None
    return [] if found is None else [job for job in found.jobs if _ask("squeue", "--noheader", "--jobs", job).strip()]


def name_of(run: Run) -> str:
    """What Slurm calls the jobs of a run; `-study` after it where they only plan and weigh."""
    return f"tltk-{run.id}"


def jobs_named(run: Run) -> list[str]:
    """This user's jobs that are called as those of a run, noted or not: `sbatch` may fail after Slurm took a job.

    Raises:
        MachineProblem: Slurm does not say.
    """
    names = f"--name={name_of(run)},{name_of(run)}-study"
    return _ask("squeue", "--me", "--noheader", "--format=%i", names).split()


def take_off(jobs: list[str]) -> None:
    """Take jobs off Slurm's queue.

    Raises:
        MachineProblem: Slurm does not answer.
    """
    if jobs:
        _ask("scancel", *reversed(jobs))  # the last ones first, which would else come after the others


def cancel(run: Run) -> None:
    """Take a run, and what was submitted for it, off Slurm's queue; what runs stops at its next step.

    Args:
        run: One that `handed` knows; nothing is done to any other.
    """
    found = handed(run)
    if found is None:
        return
    every = [run, *map(Run.at, found.runs)]
    active = [one for one in every if one.status.state in ACTIVE]
    if not active:
        return
    for one in active:
        one.ask_to_stop()
    take_off(found.jobs)  # where it cannot be, they find the wish to stop as they begin
    for one in every:
        if one.written_status().state == "waiting":
            home.remove(one.stop_file)
            one.write_status(state="stopped", message="Taken off Slurm's queue before it began.")
        home.remove(one.path / CLUSTER)


def _ask(*words: str) -> str:
    """What a command of Slurm's prints; nothing where it knows no such job any more.

    Raises:
        MachineProblem: It is not there, or does not answer; what it has is then not known.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise MachineProblem(f"Slurm must answer {words[0]}. It does not: {fault}. Log in where it is.") from None
    if done.returncode and UNKNOWN not in done.stderr.lower():
        said = truncate(" ".join(done.stderr.split()) or f"exit code {done.returncode}", 300)
        raise MachineProblem(f"Slurm must answer {words[0]}. It does not: {said}. Try again once its controller is up.")
    return done.stdout
