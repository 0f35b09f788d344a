"""Ray beside this machine: studies that lose a node in the middle, and what a cluster can be at fault in."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import machine, until
from tests.support.ray_cluster import Node, RayCluster, kill_node_at_work, two_nodes
from tltk.cli import doctor
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs import executor, queue, wait
from tltk.jobs.cluster import Place
from tltk.jobs.ray import RayJobs
from tltk.runs.run import Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.sweep.spec import SweepSpec

pytestmark = pytest.mark.timeout(900)

OPTIM = OptimSpec(epochs=24, epoch_images=400, device="cpu")
TARGET, SOURCE = DataSpec("digits", n=200, size=16), DataSpec("rendered_digits", n=200, size=16)
COMPARISON = CompareSpec(TARGET, SOURCE, OPTIM, NetSpec("test_resnet"), optim=OPTIM, lrs=(3e-3,), widen=0, seeds=3)
SWEEP = SweepSpec(
    TARGET, SOURCE, OPTIM, NetSpec("test_resnet"), optim=OPTIM, arms=("AnB", "AnB+"), layers=(2, 4), widen=0, seeds=2
)
TRAINING = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OptimSpec(epochs=1, device="cpu"))
TIMES = ("seconds", "speed_ups", "metrics")  # of a result: what a clock says is not the same twice


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with two_nodes() as found:
        yield found


def found_here(spec: Spec, root: Path) -> dict[str, Any]:
    """What a study finds on this machine."""
    with machine(root):
        return timeless(wait(executor().submit(spec)))


def endless(seed: int) -> TransferSpec:
    return TransferSpec(TARGET, NetSpec("test_resnet"), optim=OptimSpec(epochs=5000, device="cpu"), seed=seed)


def pids(node: Node) -> set[int]:
    return {process.pid for process in node.processes()}


def executor_of(address: str) -> RayJobs:
    """One whose runs ask otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLTK_EXECUTOR", address)
        return RayJobs()


def timeless(run: Run) -> dict[str, Any]:
    result = run.result()
    assert result is not None
    if "verdict" in result:
        result["verdict"] = {name: value for name, value in result["verdict"].items() if "seconds" not in name}
    return {name: value for name, value in result.items() if name not in TIMES}


def rows(run: Run) -> list[tuple[Any, ...]]:
    """What is the same on each machine of its kind."""
    spent = ("images_per_second", "memory", "gflops")
    return [(r.epoch, r.step, r.split, r.name, r.value, r.layer) for r in run.rows()[0] if r.name not in spent]


@pytest.mark.parametrize("spec", [COMPARISON, SWEEP], ids=["compare", "sweep"])
def test_a_study_that_loses_a_node_finds_what_it_finds_on_this_machine(
    spec: Spec, cluster: RayCluster, tmp_path: Path
) -> None:
    expected = found_here(spec, tmp_path / "here")
    node = cluster.nodes[-1]
    with machine(tmp_path / "there", cluster.address):
        study = executor().submit(spec)
        lost = kill_node_at_work(cluster, node, study)
        at = lost.written_status()
        wait(study)
        assert study.status.state == "done", study.status.message
        assert timeless(study) == expected
        assert lost.status.state == "done" and lost.status.pid != at.pid  # elsewhere, from its checkpoint
        here = Run(tmp_path / "here" / "runs" / lost.id)
        assert rows(lost) == rows(here)
        until(lambda: not queue.jobs())
    cluster.add("node-c" if node.name == "node-b" else "node-b")


def test_a_training_whose_node_is_lost_goes_on_elsewhere(cluster: RayCluster, tmp_path: Path) -> None:
    node = cluster.nodes[-1]
    with machine(tmp_path / "there", cluster.address, slots=2):
        runs = [executor().submit(endless(seed)) for seed in (0, 1)]
        until(lambda: all(run.written_status().epoch >= 2 for run in runs), 180)
        (there,) = [run for run in runs if run.written_status().pid in pids(node)]
        (other,) = [run for run in runs if run is not there]
        if there.written_status().host != platform.node():  # of a host name of its own: the heartbeat has to tell it
            assert executor().state(there.id) == "running"
        rows_before = there.rows()[1]
        node.kill()
        cluster.nodes.remove(node)
        until(lambda: executor().state(there.id) == "waiting", 120)
        assert "goes on from its last checkpoint" in there.status.message or "Handed to" in there.status.message
        executor().cancel(other.id)  # its room is what the lost one waits for
        until(lambda: there.rows()[1] > rows_before and executor().state(there.id) == "running", 120)
        executor().cancel(there.id)
        until(lambda: not queue.jobs())
        assert there.status.state == "stopped"
    cluster.add("node-d")


def test_a_study_whose_own_node_is_lost_is_begun_again_over_its_finished_trainings(
    cluster: RayCluster, tmp_path: Path
) -> None:
    head, node = cluster.nodes
    with machine(tmp_path / "there", cluster.address, slots=3):
        full = [executor_of(f"{cluster.address}?memory_gb=5.5").submit(endless(seed)) for seed in (0, 1)]
        until(lambda: all(run.written_status().state == "running" for run in full), 180)
        (elsewhere,) = [run for run in full if run.written_status().pid in pids(node)]
        executor().cancel(elsewhere.id)
        until(lambda: executor().state(elsewhere.id) == "stopped")
        study = executor().submit(dataclasses.replace(COMPARISON, seeds=2))  # the head has no room for it
        lost = kill_node_at_work(cluster, node, study, least_done=1)
        done = [run for run in map(Run.at, {child.id for child in study.children()}) if run.status.state == "done"]
        stamps = {run.id: (run.path / "result.json").stat().st_mtime_ns for run in done}
        until(lambda: executor().state(study.id) == "waiting", 120)
        executor().cancel(next(run for run in full if run is not elsewhere).id)
        wait(study)
        assert study.status.state == lost.status.state == "done"
        assert done and stamps == {run.id: (run.path / "result.json").stat().st_mtime_ns for run in done}
        until(lambda: not queue.jobs())
    assert head.process.poll() is None
    cluster.add("node-e")


def test_what_a_cluster_can_be_at_fault_in(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine(tmp_path / "python", f"{cluster.address}?python=no-such-python"):
        with pytest.raises(RunProblem, match=r"must have tltk, and see .*/python at that very path"):
            wait(executor().submit(TRAINING))
        assert "no-such-python" in executor().log(TRAINING.run_id)
        told, node = doctor._cluster()
        assert told.ok and ": 2 nodes, 2 CPUs, 0 GPUs." in told.text
        assert not node.ok and "`no-such-python` must have tltk" in node.text
    with machine(tmp_path / "doctor", cluster.address):
        _, node = doctor._cluster()  # both nodes are of one machine
        assert node.ok and node.text.startswith(f"It sees {tmp_path / 'doctor'}"), node.text
    with machine(tmp_path / "token", cluster.address):
        monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
        with pytest.raises(RunProblem, match="must be given its token"):
            wait(executor().submit(TRAINING))
    monkeypatch.undo()
    with machine(tmp_path / "none", "ray://127.0.0.1:9"):
        run = executor().submit(TRAINING)
        until(lambda: "must answer at http://127.0.0.1:9" in run.written_status().message)
        assert executor().state(run.id) == "waiting"  # until it answers
        executor().cancel(run.id)
        until(lambda: executor().state(run.id) == "stopped")
    with machine(tmp_path / "room", f"{cluster.address}?memory_gb=900"):
        run = executor().submit(TRAINING)
        until(lambda: "it needs 1 CPU, 900 GB of memory" in run.written_status().message)
        until(lambda: [job.state for job in queue.jobs()] == ["running"])  # Ray has it, and no node with so much
        time.sleep(2)
        assert executor().state(run.id) == "waiting"
        executor().cancel(run.id)
        until(lambda: executor().state(run.id) == "stopped", 10)
        assert run.status.message == "Taken off the queue before it began."


def test_runs_outlive_the_head_and_a_wait_that_ray_gives_up(cluster: RayCluster, tmp_path: Path) -> None:
    whole = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OptimSpec(epochs=60, epoch_images=400, device="cpu"))
    here = tmp_path / "here"
    with machine(here):
        expected = rows(wait(executor().submit(whole)))
    with machine(tmp_path / "there", cluster.address, slots=4):
        on_both = [executor().submit(spec) for spec in (whole, endless(0))]
        until(lambda: all(run.written_status().epoch >= 2 for run in on_both), 180)
        waiting, unseen = [executor().submit(endless(seed)) for seed in (1, 2)]
        until(lambda: all("Handed to" in run.written_status().message for run in (waiting, unseen)))
        cluster.lose_head()
        executor().cancel(unseen.id)  # nobody to ask: it waits for no answer
        until(lambda: executor().state(unseen.id) == "stopped" and queue.find(unseen.id) is None, 60)
        cluster.environment["RAY_JOB_START_TIMEOUT_SECONDS"] = "5"  # so that a wait is given up in no time
        cluster.start_head()
        alive: list[int] = []
        first, second = on_both

        def goes_on() -> bool:
            alive.append(max(len(workers_of(run)) for run in (*on_both, waiting)))
            return first.status.state == "done"

        until(goes_on, 400)
        assert max(alive) == 1, "of each run there is one process at most"
        assert rows(first) == expected
        two = (second, waiting)  # of which one gets the only room, and Ray gives the other up
        until(lambda: sorted(executor().state(run.id) for run in two) == ["running", "waiting"], 180)
        held, other = sorted(two, key=lambda run: executor().state(run.id), reverse=True)
        handed: set[object] = set()

        def is_handed_thrice() -> bool:
            job = queue.find(held.id)
            handed.add(job.born if job else None)
            return len(handed - {None}) >= 3

        until(is_handed_thrice, 90)
        assert executor().state(held.id) == "waiting"
        executor().cancel(other.id)
        until(lambda: held.rows()[1] > 0 and executor().state(held.id) == "running", 180)
        executor().cancel(held.id)
        until(lambda: not queue.jobs())


def workers_of(run: Run) -> list[int]:
    """The processes that execute a run now, on whichever node; the shell that begins one is none."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:3] == ["-m", "tltk.run"] and words[3:] == [str(run.path)]:
            found.append(process.pid)
    return found


@pytest.mark.parametrize(
    ("text", "fault", "sentence"),
    [
        ("ray://", BadSpec, "must be an address"),
        ("ray://host:port", BadSpec, "must be an address"),
        ("ray://host/path", BadSpec, "must be an address"),
        ("ray://host?gpus=1.5", BadSpec, "gpus must be 0 to 1, or a whole number"),
        ("ray://host?memory_gb=0", BadSpec, "memory_gb must be a number of gigabytes above 0"),
        ("ray://host?memory=4", UnknownName, "memory_gb"),
    ],
)
def test_an_address_that_is_none(text: str, fault: type[Exception], sentence: str) -> None:
    with pytest.raises(fault, match=sentence):
        Place.read(text)


def test_what_a_run_asks_for() -> None:
    place = Place.read("ray://host?gpus=0.25&memory_gb=4")
    assert place.url == "http://host:8265" and Place.read("ray+https://[::1]:1").url == "https://[::1]:1"
    on_any = TransferSpec(TARGET, optim=OptimSpec(threads=2))
    names = ("entrypoint_num_cpus", "entrypoint_num_gpus", "entrypoint_memory")

    def asked(place: Place, spec: Spec, has_gpus: bool) -> tuple[float, ...]:
        return tuple(place.share(spec, has_gpus)[name] for name in names)

    assert asked(place, on_any, True) == (2, 0.25, 4e9)
    assert asked(place, TRAINING, True) == (1, 0, 4e9)  # of a CPU, as it says
    assert asked(place, COMPARISON, True) == (0, 0, 1e9)  # its children ask
    assert asked(Place.read("ray://host"), on_any, True) == (2, 1, 2e9)
    assert asked(Place.read("ray://host"), on_any, False) == (2, 0, 2e9)
    of_three = TransferSpec(TARGET, optim=OptimSpec(threads=2, processes=3))
    assert asked(place, of_three, True) == (2, 3, 4e9), "a process has a GPU of its own, whatever share one run has"
    assert asked(place, of_three, False) == (2, 3, 4e9), "the address says that there are GPUs"
    assert asked(Place.read("ray://host"), of_three, False) == (6, 0, 2e9)
