"""Seconds from submitting the Start page's comparison to its verdict, through the real queue and worker."""

from __future__ import annotations

import argparse
import dataclasses
import time

from tests.benchmarks.rounds import own_home, table
from tltk.dashboard.plan import FIRST
from tltk.jobs import Local, wait
from tltk.runs.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="two seeds, one rate, one epoch: only to try this script")
    parser.add_argument("--timeout", type=float, default=900)
    options = parser.parse_args()
    spec = FIRST
    if options.small:
        optim = dataclasses.replace(spec.optim, epochs=1)
        source = dataclasses.replace(spec.source_optim, epochs=1)
        spec = dataclasses.replace(spec, optim=optim, source_optim=source, lrs=(1e-3,), seeds=2)
    with own_home():
        start, marks = time.perf_counter(), dict[str, float]()

        def watch(run: Run) -> None:
            message = run.status.message
            if message:
                marks.setdefault(message, time.perf_counter() - start)
            if time.perf_counter() - start > options.timeout:
                raise SystemExit(f"No verdict after {options.timeout:.0f} s: {message}")

        run = wait(Local().submit(spec), watch)
        seconds = time.perf_counter() - start
        verdict = (run.result() or {})["verdict"]
    table(["what", "begins at, s"], [[what, f"{at:.1f}"] for what, at in marks.items()])
    print(verdict["sentence"], "\n")
    goal = 90
    print(f"**{seconds:.1f} s from submission to verdict** (goal: under {goal} s)\n")


if __name__ == "__main__":
    main()
