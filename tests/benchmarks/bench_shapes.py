"""The shift lab: pictures per second at each setting, and what each corruption costs."""

from __future__ import annotations

import argparse
from functools import partial

import torch

from tests.benchmarks.rounds import own_home, table, timed
from tltk.data.corrupt import corrupt, names
from tltk.data.sources import shapes
from tltk.specs.parts import DataSpec

GOAL = 3000  # pictures of 64 × 64 per second on two cores
SETTINGS = (
    "",
    "rotation=30,position=0.1",
    "texture=plain",
    "background=gradient",
    "background=photo",
    "blur=0.02",
    "noise=0.1",
    "occlusion=0.2",
    "rotation=30,background=photo,blur=0.02,noise=0.1,inversion=0.5,occlusion=0.1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--corruptions", action="store_true", help="also the cost of every corruption")
    options = parser.parse_args()
    n, spec = options.pictures, DataSpec("shapes", n=options.pictures, size=options.size)
    spent: dict[tuple[str, int], list[float]] = {(s, t): [] for s in SETTINGS for t in options.threads}
    for _ in range(options.rounds + 1):
        for setting, threads in spent:  # in turns, so that a busy machine disturbs all alike
            torch.set_num_threads(threads)
            spent[setting, threads].append(timed(partial(shapes.load, spec, setting, device=options.device)))
    print(
        f"{n} pictures of {options.size} px on {options.device}, best of {options.rounds}; goal: {GOAL:,}/s at 64 px.\n"
    )
    head = ["dials", *(f"{t} thread{'s' * (t > 1)}, images/s" for t in options.threads)]
    # the first round warms up
    table(head, [[s or "none", *(f"{n / min(spent[s, t][1:]):,.0f}" for t in options.threads)] for s in SETTINGS])
    if options.corruptions:
        torch.set_num_threads(options.threads[0])
        images = shapes.load(spec, "background=photo").images[:500]
        costs = {name: min(timed(partial(corrupt, images, name, 5)) for _ in range(2)) for name in names()}
        print(f"Severity 5, {options.threads[0]} thread(s):\n")
        table(["corruption", "µs per picture"], [[name, f"{1e6 * s / len(images):,.0f}"] for name, s in costs.items()])


if __name__ == "__main__":
    with own_home():
        main()
