"""Past this machine: a simulation of a cluster with failures, and the real tables filled with as many rows.

The first part is `tests.benchmarks.simulation`, with failures at published rates: what is lost at which checkpoint
interval, and how long people wait. The second fills the real queue and makes real run folders, and times the statements
that the supervisor, the pages and the shell make of them. docs/scale.md says what is assumed.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing

from tests.benchmarks.bench_index import fill
from tests.benchmarks.rounds import own_home, table
from tests.benchmarks.simulation import DAY, Asked, Cluster, FirstCome, InTurn, Outcome, lognormal, simulate, workload
from tltk import home
from tltk.jobs import executor, listing, queue
from tltk.runs import index
from tltk.runs.run import Run

# Failures per 1,000 nodes of eight GPUs and day.
RATES = {
    "none": 0.0,
    "RSC-2 (Kokolis et al. 2024)": 2.34,
    "Llama 3 (Dubey et al. 2024)": 419 / 54 / 2048 * 1000,
    "RSC-1 (Kokolis et al. 2024)": 6.50,
    "ten times RSC-1 (assumed)": 65.0,
}
REPAIR = lognormal(6 * 3600 / math.exp(1.5**2 / 2), 1.5)  # seconds, six hours on average
START, NOTICE = 15.0, 90.0  # seconds: imports and pictures; `tltk.runs.run.SILENT_SECONDS`
SHORT, LONG = lognormal(600.0, 1.0), lognormal(6 * 3600.0, 1.0)  # seconds that a training takes
MEAN = math.exp(0.5)  # mean over median of both
EVERY = {"1 min": 60.0, "10 min": 600.0, "1 h": 3600.0, "none": math.inf}


def failing(nodes: int, rate: float, checkpoint: float) -> Cluster:
    """A cluster with so many failures per 1,000 nodes and day."""
    return Cluster(nodes, rate / 1000 / DAY, REPAIR, checkpoint, START, NOTICE)


def share_lost(found: Outcome) -> str:
    return f"{100 * found.lost / (found.useful + found.lost):.4f}%"


def failures(asked: list[Asked], nodes: int) -> None:
    """Throughput and what is lost, rate by rate."""
    rows = []
    for name, rate in RATES.items():
        start = time.perf_counter()
        found = simulate(asked, failing(nodes, rate, 60.0))
        per_hour = len(asked) / found.end * 3600
        used = (found.useful + found.lost + found.starting) / found.end / nodes
        rows.append(
            [name, f"{rate:.2f}", f"{per_hour:,.0f}", f"{100 * used:.1f}%", found.n_failures]
            + [f"{found.lost / 3600:,.1f}", share_lost(found), f"{time.perf_counter() - start:.0f}"]
        )
    print(f"\n{len(asked):,} short runs on {nodes:,} nodes, a checkpoint each minute\n")
    head = ["failures", "per 1,000 node-days", "runs/h", "nodes busy", "runs hit", "node-hours lost", "of the work"]
    table([*head, "simulated in, s"], rows)


def checkpoints(runs: int, nodes: int, seconds: Callable[..., float], median: float, what: str) -> None:
    """What is lost at which interval."""
    asked = workload(runs, 100, 30.0, 0.9 * nodes / (median * MEAN), seconds)
    rows = []
    for every, interval in EVERY.items():
        row: list[object] = [every]
        for name in ("RSC-1 (Kokolis et al. 2024)", "ten times RSC-1 (assumed)"):
            found = simulate(asked, failing(nodes, RATES[name], interval))
            row += [found.n_failures, f"{found.lost / 3600:,.1f}", share_lost(found)]
        rows.append(row)
    print(f"\n{runs:,} {what} on {nodes:,} nodes\n")
    head = ["checkpoint", "RSC-1: runs hit", "node-hours lost", "of the work", "× 10: runs hit", "node-hours lost"]
    table([*head, "of the work"], rows)


def waiting(asked: list[Asked], nodes: int) -> None:
    """How long people wait, by turns and first come, first served; and where one of them asks for very much at once."""
    flood = sorted([*(Asked(DAY, -1, 600.0) for _ in range(len(asked) // 10)), *asked], key=lambda one: one.at)
    rows = []
    for what, those in (("as they come", asked), ("one floods the queue", flood)):
        n = [0] * 101
        for one in those:
            n[one.person + 1] += 1
        order = sorted((k for k in range(100)), key=lambda k: -n[k + 1])
        groups = {"the busiest": order[:1], "the ten busiest": order[:10], "the other 90": order[10:]}
        if what != "as they come":
            groups = {"who floods it": [-1], **groups}
        by: dict[str, list[float]] = {}
        longest = 0
        for name, kind in (("turns", InTurn), ("first come", FirstCome)):
            found = simulate(those, failing(nodes, RATES["RSC-1 (Kokolis et al. 2024)"], 60.0), queue=kind())
            longest = max(longest, found.most_waiting)
            for group, people in groups.items():
                members = set(people)
                waits = sorted(w for w, one in zip(found.waits, those, strict=True) if one.person in members)
                by[f"{group}, {name}"] = [statistics.median(waits), waits[int(0.95 * len(waits))], waits[-1]]
        for group in groups:
            cells = [f"{value / 60:,.1f}" for name in ("turns", "first come") for value in by[f"{group}, {name}"]]
            rows.append([f"{what}: {group}", *cells, f"{longest:,}"])
    print(f"\nMinutes until a run begins, {nodes:,} nodes: median, 95%, most\n")
    head = ["", "turns: median", "95%", "most", "first come: median", "95%", "most", "longest queue"]
    table(head, rows)


def milliseconds(work: Callable[[], object]) -> str:
    """Of processor time and by the clock, the least of five."""
    found = []
    for _ in range(5):
        wall, spent = time.perf_counter(), time.process_time()
        work()
        found.append((1e3 * (time.process_time() - spent), 1e3 * (time.perf_counter() - wall)))
    return f"{min(spent for spent, _ in found):,.1f} ({min(wall for _, wall in found):,.1f})"


def fill_queue(n: int) -> list[str]:
    """So many jobs that wait, of 100 people; their runs."""
    names = [hashlib.sha256(str(i).encode()).hexdigest()[:12] for i in range(n)]
    queue.add("000000000000")
    queue.remove("000000000000")
    with closing(sqlite3.connect(home.home() / "tltk.db")) as db, db:
        owned = [(name, f"p{i % 100}") for i, name in enumerate(names)]
        db.executemany("INSERT INTO jobs (run, state, owner) VALUES (?, 'queued', ?)", owned)
        db.executemany("INSERT INTO asked (run, owner) VALUES (?, ?)", owned)
    return names


def _add_and_remove() -> None:
    queue.add("ffffffffffff")
    queue.remove("ffffffffffff")


def queue_times(sizes: list[int]) -> None:
    """Every statement that is made of the queue, at each size."""
    rows: dict[str, list[str]] = {}
    for n in sizes:
        with own_home():
            names = fill_queue(n)
            middle, by = names[n // 2], executor()
            asked: dict[str, Callable[[], object]] = {
                "supervisor: what runs or was cancelled": queue.watched,
                "supervisor: the next eight": lambda: queue.next_jobs(False, 8),
                "page: where one run stands": lambda: by.ahead(middle),  # noqa: B023
                "page: one job": lambda: queue.find(middle),  # noqa: B023
                "page: how many of mine wait": lambda: queue.n_waiting("p7"),
                "page: who asked for a run": lambda: queue.askers_of(middle),  # noqa: B023
                "add a job and take it off": _add_and_remove,
                "list: the state of all": queue.places,
                "teacher's page: all in order": queue.jobs,
            }
            for name, work in asked.items():
                rows.setdefault(name, []).append(milliseconds(work))
            size = (home.home() / "tltk.db").stat().st_size / n
            rows.setdefault("bytes of a job, with its asker and indexes", []).append(f"{size:.0f}")
    print("\nThe queue: milliseconds of processor time (by the clock), the least of five\n")
    table(["jobs that wait", *(f"{n:,}" for n in sizes)], [[name, *cells] for name, cells in rows.items()])


def index_times(sizes: list[int]) -> None:
    """What the table of runs takes, made of real folders."""
    rows: dict[str, list[str]] = {}
    for n in sizes:
        with own_home() as place:
            fill(n)
            time.sleep(2.5)
            start = time.process_time()
            index.find(limit=1)
            rows.setdefault("made from the folders, a run, ms", []).append(
                f"{1e3 * (time.process_time() - start) / n:.2f}"
            )
            some, usual = index.find(limit=1)[0].id, index.LONG_LOOK
            index.LONG_LOOK = math.inf
            rows.setdefault("the newest hundred, with a look at all folders", []).append(
                milliseconds(lambda: listing.runs(limit=100))
            )
            index.LONG_LOOK = usual
            index.find(limit=1)
            asked: dict[str, Callable[[], object]] = {
                "the newest hundred": lambda: listing.runs(limit=100),
                "a word": lambda: listing.runs(text="blended resnet18", limit=100),
                "done comparisons": lambda: listing.runs(kinds=["compare"], states=["done"]),
                "one run by its id": lambda: Run.open(some),  # noqa: B023
            }
            for name, work in asked.items():
                rows.setdefault(name, []).append(milliseconds(work))
            size = (home.home() / "index.db").stat().st_size
            rows.setdefault("bytes of a row", []).append(f"{size / n:,.0f}")
            blocks = sum(512 * os.stat(path).st_blocks for path in (place / "runs").rglob("*"))
            rows.setdefault("bytes of a folder on the disk", []).append(f"{blocks / n:,.0f}")
    print("\nThe table of runs: milliseconds of processor time (by the clock), the least of five\n")
    table(["runs", *(f"{n:,}" for n in sizes)], [[name, *cells] for name, cells in rows.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--jobs", default="10000,100000,1000000", help="that wait in the real queue, with commas")
    parser.add_argument("--folders", default="2000,20000,100000", help="real run folders, with commas")
    parser.add_argument("--parts", default="failures,checkpoints,waiting,queue,index", help="which, with commas")
    options = parser.parse_args()
    parts = options.parts.split(",")
    asked = workload(options.runs, 100, 30.0, 0.9 * options.nodes / (600.0 * MEAN), SHORT)
    if "failures" in parts:
        failures(asked, options.nodes)
    if "waiting" in parts:
        waiting(asked, options.nodes)
    if "checkpoints" in parts:
        checkpoints(options.runs // 10, options.nodes, SHORT, 600.0, "short runs (median 10 min)")
        checkpoints(options.runs // 10, options.nodes, LONG, 6 * 3600.0, "long runs (median 6 h)")
    if "queue" in parts:
        queue_times([int(n) for n in options.jobs.split(",")])
    if "index" in parts:
        index_times([int(n) for n in options.folders.split(",")])


if __name__ == "__main__":
    main()
