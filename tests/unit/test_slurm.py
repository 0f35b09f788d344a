"""Runs that are handed to Slurm: arrays of a study's trainings, and the study after them; a stand-in runs them here."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.results import trained
from tests.support.shell import TINY, agree, here, refused, said, tltk  # noqa: F401
from tests.support.slurm import Table, place, scripts, states
from tltk import home
from tltk.errors import RunProblem
from tltk.jobs import executor, listing, slurm
from tltk.jobs.handed import handed, note
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

ROOT = Path(__file__).parents[2]
SMALL = DataSpec("digits", n=200, size=16)
SPEC = CompareSpec(
    target=SMALL,
    source=DataSpec("rendered_digits", n=300, size=16),
    source_optim=OptimSpec(epochs=1, device="cpu"),
    net=NetSpec("test_resnet"),
    optim=OptimSpec(epochs=1, device="cpu"),
    lrs=(1e-3,),
    widen=0,
    seeds=2,
)
needs_submitit = pytest.mark.skipif(
    importlib.util.find_spec("submitit") is None, reason="submitit is not installed; the extra `slurm` brings it"
)
SECONDS = 240  # that a stand-in's jobs may take on a busy machine


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in's folder, its commands on PATH."""
    folder = tmp_path / "cluster"
    monkeypatch.setenv("PATH", f"{place(folder)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.1)


def pretend(run: Run, **found: object) -> None:
    """End a training at once."""
    home.write_atomic(run.path / "result.json", msgspec.json.encode(trained(**found)))
    run.write_status(state="done")


# -- what is refused -----------------------------------------------------------------------------------------


def test_without_a_cluster_a_sentence_says_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    refused(["submit", "--slurm", "run", *TINY], "sbatch was not found here; log in there, or load")
    refused(["submit", "run", *TINY], "must be told where to: --slurm")


def test_without_submitit_a_sentence_says_what_to_install(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "submitit" else find(name, *a))
    refused(["submit", "--slurm", "run", *TINY], 'pip install "tltk[slurm]"')


def test_what_cannot_be_meant_is_refused_before_anything_is_submitted(cluster: Path) -> None:
    refused(["submit", "--slurm", "compare", "--target", "digits"], "needs weights to transfer")
    assert states(cluster) == {}


# -- what a study wants next -----------------------------------------------------------------------------------


def test_a_study_asks_for_its_next_trainings_once_the_last_have_ended() -> None:
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    assert source.spec.target.name == "rendered_digits"  # type: ignore[attr-defined]
    assert slurm.unfinished(study) == [source], "asked again, it wants the same"
    pretend(source)
    arms = slurm.unfinished(study)
    assert len(arms) == 4 and source not in arms
    pretend(arms[0], labels=[0, 1] * 10, predictions=[0, 0] * 10)
    assert slurm.unfinished(study) == arms[1:]
    home.write_atomic(arms[1].path / "result.json", '{"diverged": "Its loss is no number."}')
    arms[1].write_status(state="failed", message="Its loss is no number.")
    assert slurm.unfinished(study) == arms[2:], "to have diverged is an end"
    assert study.status.epoch == 3 and study.status.epochs >= 5
    assert {child.id for child in study.children()} == {source.id, *(arm.id for arm in arms)}


def test_a_study_ends_where_a_training_of_its_array_came_to_no_end() -> None:
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    source.write_status(state="failed", message="The disk is full.")
    assert slurm._Conduct(str(home.home()), study.id, slurm.Resources(), (source.id,))() == 1
    status = study.status
    assert status.state == "failed" and source.id in status.message and "The disk is full." in status.message
    assert f"tltk submit --slurm resume {study.id}" in status.message


@needs_submitit
def test_where_nodes_may_not_submit_the_study_says_how_to_go_on(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    pretend(source)
    (cluster / "bin" / "sbatch").write_text("#!/bin/sh\necho 'not from here' >&2\nexit 1\n")
    assert slurm._Conduct(str(home.home()), study.id, slurm.Resources(), (source.id,))() == 1
    assert study.status.state == "failed" and "not from here" in study.status.message
    assert f"tltk submit --slurm resume {study.id}" in study.status.message
    assert {run.status.state for run in slurm.unfinished(study)} == {"stopped"}


# -- in Slurm's queue ------------------------------------------------------------------------------------------


def test_what_waits_in_slurm_waits_and_can_be_taken_out(cluster: Path) -> None:
    study, table = Run.create(SPEC), Table(str(cluster / "state"))
    [source] = slurm.unfinished(study)
    for run in (study, source):
        run.write_status(state="waiting")
    assert {entry.state for entry in listing.runs()} == {"stopped"}, "without a job nobody will run it"
    for name in ("7_0", "8"):
        table.write(name, state="PENDING", pid=0)
    note(source, ["7_0"], [])
    note(study, ["7", "8"], [source.id])
    assert {entry.state for entry in listing.runs()} == {"waiting"} == {said("runs", "show", study.id)["state"]}
    refused_here = tltk("runs", "resume", study.id)
    assert refused_here.exit_code == 1 and "waits in Slurm's queue, as job 7, 8" in refused_here.stderr
    assert tltk("runs", "stop", study.id).exit_code == 0
    assert states(cluster) == {"7_0": "CANCELLED", "8": "CANCELLED"}
    for run in (study, source):
        assert run.status.state == "stopped" and "before it began" in run.status.message
        assert handed(run) is None and not run.stop_file.exists()


@needs_submitit
def test_what_is_in_slurms_queue_is_not_submitted_twice(cluster: Path) -> None:
    run = Run.create(TransferSpec(SMALL, NetSpec("test_resnet")))
    Table(str(cluster / "state")).write("7", state="PENDING", pid=0)
    note(run, ["7"], [])
    done = tltk("submit", "--slurm", "resume", run.id)
    assert done.exit_code == 1 and "as job 7" in done.stderr and scripts(cluster) == []


@needs_submitit
def test_what_is_printed_names_the_jobs(cluster: Path) -> None:
    (cluster / "bin" / "sbatch").write_text('#!/bin/sh\necho "Submitted batch job 41"\n')
    told = said("submit", "--slurm", "run", *TINY)
    agree("tltk submit", told)
    assert told == {"id": told["id"], "state": "waiting", "jobs": ["41"], "runs": []}
    pretend(Run.at(told["id"]))
    assert said("submit", "--slurm", "run", *TINY) == {**told, "state": "done", "jobs": []}


# -- what goes wrong there -------------------------------------------------------------------------------------

DOWN = "#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2\nexit 1\n"


def break_command(cluster: Path, name: str, script: str = DOWN) -> Callable[[], object]:
    """Put another script in the place of a command; what is returned puts it right."""
    path = cluster / "bin" / name
    good = path.read_text()
    path.write_text(script.replace("GOOD", f"({good.splitlines()[1].removeprefix('exec ')})"))
    return lambda: path.write_text(good)


@needs_submitit
def test_while_the_controller_is_down_nothing_is_submitted_twice_nor_taken_for_stopped(cluster: Path) -> None:
    run, table = Run.create(TransferSpec(SMALL, NetSpec("test_resnet"))), Table(str(cluster / "state"))
    table.write("7", state="PENDING", pid=0)
    run.write_status(state="waiting")
    note(run, ["7"], [])
    for name in ("squeue", "scancel"):
        break_command(cluster, name)
    for words in (("submit", "--slurm", "resume", run.id), ("runs", "resume", run.id), ("runs", "stop", run.id)):
        done = tltk(*words)
        assert done.exit_code == 1 and "Try again once its controller is up" in done.stderr, words
    assert scripts(cluster) == [] and run.status.state == "waiting" and handed(run) is not None


@needs_submitit
def test_a_job_that_slurm_took_and_could_not_say_so_is_not_submitted_again(cluster: Path) -> None:
    late = "#!/bin/sh\nGOOD >/dev/null\necho 'sbatch: error: Socket timed out on send/recv' >&2\nexit 1\n"
    repair = break_command(cluster, "sbatch", late)
    break_command(cluster, "srun", "#!/bin/sh\nsleep 60\n")
    run = Run.create(TransferSpec(SMALL, NetSpec("test_resnet")))
    done = tltk("submit", "--slurm", "resume", run.id)
    assert done.exit_code == 1 and "Socket timed out" in done.stderr
    repair()
    again = tltk("submit", "--slurm", "resume", run.id)
    assert again.exit_code == 1 and "`scancel 1` takes it out" in again.stderr
    assert len(scripts(cluster)) == 1
    subprocess.run(["scancel", "1"], check=True)


@needs_submitit
def test_an_array_whose_study_is_refused_is_taken_back(cluster: Path) -> None:
    once = f"#!/bin/sh\n[ -e {cluster}/once ] && echo QOSMaxSubmitJobPerUserLimit >&2 && exit 1\n"
    once += f"touch {cluster}/once\nGOOD\n"
    break_command(cluster, "sbatch", once)
    break_command(cluster, "srun", "#!/bin/sh\nsleep 60\n")
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    with pytest.raises(RunProblem, match="QOSMaxSubmitJobPerUserLimit"):
        slurm.hand_over(study, slurm.Resources())
    assert set(states(cluster).values()) == {"CANCELLED"} and len(states(cluster)) == 1
    assert handed(source) is None and handed(study) is None
    assert {run.status.state for run in (study, source)} == {"stopped"}


@needs_submitit
def test_an_array_that_cannot_be_taken_back_is_noted(cluster: Path) -> None:
    once = f"#!/bin/sh\n[ -e {cluster}/once ] && exit 1\ntouch {cluster}/once\nGOOD\n"
    break_command(cluster, "sbatch", once)
    break_command(cluster, "srun", "#!/bin/sh\nsleep 60\n")
    repair = break_command(cluster, "scancel")
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    with pytest.raises(RunProblem, match="Slurm must take the job"):
        slurm.hand_over(study, slurm.Resources())
    found = handed(study)
    assert found is not None and found.jobs == ["1"] and found.runs == [source.id]
    repair()
    subprocess.run(["scancel", "1"], check=True)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(OSError(5, "I/O error", "/disk/x"), "input/output error"), (KeyError("x"), "Internal error in tltk")],
)
def test_a_study_that_meets_any_fault_ends_with_a_sentence(
    fault: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, write, faults = Run.create(SPEC), home.write_atomic, [OSError(28, "full"), OSError(28, "full")]
    study.write_status(state="waiting", message="")

    def fail(run: Run) -> list[Run]:
        raise fault

    def write_late(path: Path, data: bytes) -> None:
        if faults:
            raise faults.pop()
        write(path, data)

    monkeypatch.setattr(slurm, "TELL_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "unfinished", fail)
    monkeypatch.setattr(home, "write_atomic", write_late)
    assert slurm._Conduct(str(home.home()), study.id, slurm.Resources(), ())() == 1
    assert study.status.state == "failed" and sentence in study.status.message
    assert "goes on with what is left" in study.status.message


def test_a_job_whose_disk_fails_ends_with_a_sentence() -> None:
    run = Run.create(TransferSpec(SMALL, NetSpec("test_resnet")))
    (run.path / "log.txt").mkdir()
    assert slurm._Execute(str(home.home()), run.id, 1)() == 1
    assert run.status.state == "failed" and "There must be a file" in run.status.message


def test_a_training_whose_process_is_killed_has_failed_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = Run.create(TransferSpec(SMALL, NetSpec("test_resnet")))
    worker = tmp_path / "worker"
    worker.write_text(
        f"#!{sys.executable}\nimport os, sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tltk.runs.run import Run\n"
        f"Run.at({run.id!r}).claim()\nos.kill(os.getpid(), 9)\n"
    )
    worker.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(worker))
    assert slurm._Execute(str(home.home()), run.id, 1)() == -9
    assert run.written_status().state == "failed" and "was killed" in run.status.message


def test_a_child_whose_node_is_lost_is_not_called_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.jobs.cluster.LOST_SECONDS", 1.0)
    study = Run.create(SPEC)
    [source] = slurm.unfinished(study)
    source.write_status(state="running", host="node-7", pid=12, pid_born="x")
    assert slurm._Conduct(str(home.home()), study.id, slurm.Resources(), (source.id,))() == 1
    assert source.written_status().state == "failed" and "was killed" in source.status.message
    assert "It is running" not in study.status.message and "was killed" in study.status.message


# -- to the end --------------------------------------------------------------------------------------------------


@needs_submitit
@pytest.mark.usefixtures("here")
@pytest.mark.timeout(900)  # on a machine with much other work
def test_a_comparison_comes_to_the_same_verdict_as_on_this_machine(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spec.json"
    file.write_text(SPEC.to_json())
    asked = ["--partition", "short", "--minutes", "30", "--memory-gb", "4", "--gpus", "2", "--cpus", "3"]
    told = tltk("submit", "--slurm", *asked, "--study-partition", "cpu", "compare", "--spec", str(file))
    assert told.exit_code == 0, told.output
    assert "Submitted to Slurm as job 1, 2, 1 training first and the study after them." in told.stdout
    study = Run.at(SPEC.run_id)
    wait_until(lambda: study.status.state not in ("waiting", "running"))
    assert study.status.state == "done", study.status.message
    source, first, arms, second = scripts(cluster)
    for script in (source, arms):
        for flag in ("partition=short", "time=30", "mem=4096MB", "gpus-per-node=2", "cpus-per-task=3"):
            assert f"#SBATCH --{flag}\n" in script
        assert re.search(r"^srun .*--cpus-per-task=3 ", script, re.M)
    assert "#SBATCH --array=0-3%4\n" in arms and "--array" not in source
    for script, before in ((first, 1), (second, 3)):
        assert f"#SBATCH --dependency=afterany:{before}\n" in script and "--partition=cpu\n" in script
        assert "gpus" not in script, "the study itself trains nothing"
    found = study.result()
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "other"))
    done = tltk("compare", "--spec", str(file))
    assert done.exit_code == 0, done.output
    again = Run.at(SPEC.run_id).result()
    assert found is not None and again is not None
    for field in ("label", "gap", "lo", "hi", "transfer", "scratch"):
        assert found["verdict"][field] == again["verdict"][field]


@needs_submitit
@pytest.mark.usefixtures("here")
@pytest.mark.timeout(900)
def test_a_training_that_meets_its_time_limit_goes_on_from_its_checkpoint(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TransferSpec(SMALL, NetSpec("test_resnet"), optim=OptimSpec(epochs=150, device="cpu"))
    run = slurm.Slurm().submit(spec)
    wait_until(lambda: run.status.epoch >= 2)
    subprocess.run(["scancel", "--signal=USR2", "1"], check=True)
    wait_until(lambda: states(cluster)["1"] == "COMPLETED")
    assert run.status.state == "done", run.status.message
    assert "Requeued job 1" in (home.folder("slurm") / "1_0_log.out").read_text()
    rows = run.rows()[0]
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "other"))
    whole = executor().submit(spec)
    assert figures(rows) == figures(whole.rows()[0])


def figures(rows: list[Row]) -> list[tuple[int, int, str, str, float]]:
    """What was measured when; not how long it took."""
    kept = [r for r in rows if r.name in ("accuracy", "loss")]
    return [(r.epoch, r.step, r.split, r.name, r.value) for r in kept]
