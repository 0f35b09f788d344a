"""Ray beside this machine: what a run costs over its training, what a cluster takes, and a study that loses a node.

The cluster is two nodes of one CPU each on this machine, so what is told is overhead, not speed.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import machine, until
from tests.support.ray_cluster import Node, RayCluster, kill_node_at_work, two_nodes
from tltk.jobs import executor, queue, wait
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

OPTIM = OptimSpec(epochs=60, epoch_images=400, device="cpu")
TARGET, SOURCE = DataSpec("digits", n=200, size=16), DataSpec("rendered_digits", n=200, size=16)
COMPARISON = CompareSpec(TARGET, SOURCE, OPTIM, NetSpec("test_resnet"), optim=OPTIM, lrs=(3e-3,), widen=0, seeds=3)


def training(seed: int, epochs: int = 1) -> TransferSpec:
    return TransferSpec(TARGET, NetSpec("test_resnet"), optim=OptimSpec(epochs=epochs, device="cpu"), seed=seed)


def overhead_s(seed: int) -> float:
    """Seconds from asking for a training to its end, less those of the training itself."""
    start = time.monotonic()
    run = wait(executor().submit(training(seed)), every=0.02)
    seconds = time.monotonic() - start - run.status.seconds
    until(lambda: not queue.jobs())
    return seconds


def memory_gb(node: Node) -> float:
    """What the processes of a node hold, shared pages in their part, in 10⁹ bytes."""
    return sum(process.memory_full_info().pss for process in node.processes()) / 1e9


@contextmanager
def home(executor: str = "local", slots: int = 1) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder) / "home", executor, slots):
        yield


def studied(meanwhile: Callable[[Run], object] = lambda run: None) -> tuple[str, float, float]:
    """Verdict, gap and seconds of the comparison."""
    start = time.monotonic()
    study = executor().submit(COMPARISON)
    meanwhile(study)
    verdict = (wait(study).result() or {})["verdict"]
    return verdict["label"], verdict["gap"], time.monotonic() - start


def recovered(cluster: RayCluster) -> tuple[float, float]:
    """Seconds from the loss of a node until its run waits again, and until its process has begun on another."""
    node = cluster.nodes[-1]
    runs = [executor().submit(training(seed, 5000)) for seed in (0, 1)]
    until(lambda: all(run.written_status().epoch >= 2 for run in runs), 240)
    own = {process.pid for process in node.processes()}
    (lost,) = [run for run in runs if run.written_status().pid in own]
    (other,) = [run for run in runs if run != lost]
    executor().cancel(other.id)
    until(lambda: executor().state(other.id) == "stopped")
    size, start = lost.rows()[1], time.monotonic()
    node.kill()
    cluster.nodes.remove(node)
    until(lambda: executor().state(lost.id) == "waiting", 240)
    noticed = time.monotonic() - start
    until(lambda: lost.rows()[1] > size, 240)
    goes_on = time.monotonic() - start
    executor().cancel(lost.id)
    until(lambda: not queue.jobs())
    return noticed, goes_on


def told(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} … {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="trainings of one epoch for each executor")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}, separated by commas")
    asked = parser.parse_args()
    with two_nodes() as cluster:
        for part in asked.parts.split(","):
            PARTS[part](cluster, asked.rounds)


def overhead(cluster: RayCluster, rounds: int) -> None:
    """What a run costs over its training."""
    places = {"this machine, no warm spare": "local", "Ray": cluster.address}
    found: dict[str, list[float]] = {name: [] for name in places}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        for name, address in places.items():
            stack.enter_context(machine(Path(folder) / name, address))
        for seed in range(rounds + 1):  # in turns, as what else the machine does changes
            for name, address in places.items():
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("TLTK_HOME", str(Path(folder) / name))
                    patch.setenv("TLTK_EXECUTOR", address)
                    found[name].append(overhead_s(seed))
    print("| executor | seconds over the training |\n|---|---:|")
    for name, values in found.items():
        print(f"| {name} | {told(values[1:])} |", flush=True)  # the first one starts what runs the others
    more = [there - here for here, there in zip(*found.values(), strict=True)][1:]
    print(f"| Ray over this machine, in pairs | {told(more)} |")
    head, other = (memory_gb(node) for node in cluster.nodes)
    print(f"\nAn idle head holds {head:.1f} GB of memory, another node {other:.1f} GB.", flush=True)


def lost(cluster: RayCluster, rounds: int) -> None:
    """How soon a run goes on elsewhere."""
    with home(cluster.address, slots=2):
        noticed, goes_on = recovered(cluster)
    print(
        f"A node is killed: its run waits again after {noticed:.0f} s, writes its next row after {goes_on:.0f} s.\n",
        flush=True,
    )
    cluster.add("node-c")


def comparison(cluster: RayCluster, rounds: int) -> None:
    """A study here, and on a cluster that loses a node."""
    node = cluster.nodes[-1]
    print("| a comparison | verdict | gap | seconds |\n|---|---|---:|---:|")
    with home():
        label, gap, seconds = studied()
    print(f"| this machine | {label} | {gap:+.4f} | {seconds:.0f} |", flush=True)
    with home(cluster.address):
        label, gap, seconds = studied(lambda study: kill_node_at_work(cluster, node, study))
    print(f"| Ray, a node killed in the middle | {label} | {gap:+.4f} | {seconds:.0f} |")
    cluster.add("node-d")


PARTS = {"overhead": overhead, "lost": lost, "comparison": comparison}

if __name__ == "__main__":
    main()
