"""False alarms and power of each shift measure: share of repeats with p ≤ .05, without a shift and with a growing one.

The domains are the shift lab's, seen as 8 × 8 pixels, so the true shift is a dial. Without a shift the
two samples are two seeds of one setting, and the share must be near .05.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.rounds import own_home, table
from tltk.data import load
from tltk.shift import measures
from tltk.shift.null import permutation_mmd, permutation_test
from tltk.specs.parts import DataSpec

SETTINGS = ("", "hue=0.02", "hue=0.05", "hue=0.1", "blur=0.03", "noise=0.1")
NAMES = ("mmd", "coral", "energy", "frechet", "sliced_wasserstein", "symmetric_kl")
POOL = 4000


def pixels(dials: str, seed: int) -> Tensor:
    """(POOL, 192): pictures of 32 px averaged to 8 × 8."""
    domain = load(DataSpec("shapes:" + dials if dials else "shapes", n=POOL, size=32, seed=seed))
    x = torch.from_numpy(np.asarray(domain.images)).float() / 255
    return torch.nn.functional.avg_pool2d(x, 4).flatten(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--pictures", type=int, default=60, help="of each domain, in a repeat")
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--only", default=",".join(NAMES), help="measures, with commas")
    options = parser.parse_args()
    rows = []
    with own_home():
        source = pixels("", 0)
        targets = {dials: pixels(dials, 1) for dials in SETTINGS}
    for name in options.only.split(","):
        draw = np.random.default_rng(0)  # every measure sees the same samples
        test = permutation_mmd if name == "mmd" else partial(permutation_test, measures[name])
        shares = []
        for target in targets.values():
            alarms = 0
            for repeat in range(options.repeats):
                a, b = (draw.choice(POOL, options.pictures, replace=False) for _ in range(2))
                alarms += test(source[a], target[b], permutations=options.permutations, seed=repeat).p <= 0.05
            shares.append(f"{alarms / options.repeats:.3f}")
        rows.append([name, *shares])
        print(" · ".join(rows[-1]), flush=True)
    print(
        f"\n{options.repeats} repeats, {options.pictures} pictures of each, {options.permutations} permutations, α = .05.\n"
    )
    table(["measure", *(d or "no shift" for d in SETTINGS)], rows)


if __name__ == "__main__":
    main()
