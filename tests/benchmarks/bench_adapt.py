"""Adaptation without the target's labels, on digits: what each term gives, and what the way of picking the epoch costs.

MNIST ↔ USPS and MNIST → MNIST-M, 3,500 pictures of each domain to train and validate, 1,000 to test; MNIST → MNIST-M once
more with 8,000 and 2,000, for twice as long; and USPS in a frame like MNIST's, to see what its shift is. Each arm is trained
with several seeds; the table gives the mean of the target's test accuracy and half of its 95% interval (Student's t
over the seeds) at the last epoch, at the epoch that a criterion without target labels picks, and at the one that the
target's labels would pick ("oracle", which nobody has). Trainings are written to a file as they end (`--rows`), so what was
cut off goes on. `--write FILE` makes the page of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import t as student

from tests.benchmarks.rounds import SHARED, digit_arrays, own_home
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.compose import train

TRAIN, TEST = 3500, 1000
LARGER = 8000, 2000
SOURCE_ONLY, ADAPTIVE_NORM = "source only", "adaptive norm"
METHODS: dict[str, tuple[TermSpec, ...]] = {
    SOURCE_ONLY: (),
    ADAPTIVE_NORM: (),
    "dann": (TermSpec("dann"),),
    "cdan": (TermSpec("cdan"),),
    "dan": (TermSpec("dan"),),
    "coral": (TermSpec("coral", {"weight": 100.0}),),
    "mcc": (TermSpec("mcc"),),
}
CRITERION = "information_maximisation"  # chosen after trials on one seed, before the table was made
# With batch normalisation; and without, since on MNIST-M the running statistics of MNIST are far off.
GREY = TransferSpec(
    target=DataSpec(size=28),
    net=NetSpec("test_resnet"),
    optim=OptimSpec(optimizer="sgd", lr=0.03, epochs=8, batch_size=64, device="cpu"),
    views=ViewSpec(crop=0.5, rotation=10),
)
COLOUR = TransferSpec(
    target=DataSpec(size=32),
    net=NetSpec("test_efficientnet_gn"),
    optim=OptimSpec(lr=3e-3, epochs=10, batch_size=64, device="cpu"),
)
LONGER = dataclasses.replace(COLOUR, optim=dataclasses.replace(COLOUR.optim, epochs=20))
PAIRS = {
    ("mnist", "usps"): (GREY, tuple(METHODS)),
    ("usps", "mnist"): (GREY, tuple(METHODS)),
    ("usps, in a frame", "mnist"): (GREY, (SOURCE_ONLY, "dann")),
    ("mnist, in colour", "mnistm"): (COLOUR, (SOURCE_ONLY, "dann")),
    ("mnist, in colour, 8,000", "mnistm, 8,000"): (LONGER, (SOURCE_ONLY, "dann")),
}
Row = dict[str, Any]


def measure(setting: TransferSpec, source: str, target: str, method: str, seed: int) -> Row:
    """One training: last, picked and oracle accuracy on the target's test."""
    spec = dataclasses.replace(
        setting,
        target=dataclasses.replace(setting.target, name=target),
        source=DataSpec(source),
        labels="source",
        net=dataclasses.replace(setting.net, norm="target" if method == ADAPTIVE_NORM else "frozen"),
        terms=METHODS[method],
        seed=seed,
    )
    start = time.process_time()
    trained = train(spec)
    found = trained.result.adaptation
    assert found is not None
    told = [row.value for row in trained.rows if row.name == f"term.{method}.accuracy"]
    return {
        "last": found.last,
        "oracle": found.oracle.accuracy,
        "picks": {pick.criterion: pick.accuracy for pick in found.picks},
        "source": trained.result.source_accuracy,
        "discriminator": told[-1] if told else None,
        "seconds": round(time.process_time() - start, 1),
    }


def framed(usps: str) -> str:
    """USPS set into a box of 20 px in a frame of 28, as MNIST is."""
    path = Path(usps.removeprefix("npz:"))
    with np.load(path) as read:
        found = dict(read)
    for part in ("x_train", "x_test"):
        boxes = [np.asarray(Image.fromarray(x).resize((20, 20), Image.Resampling.BILINEAR)) for x in found[part]]
        found[part] = np.pad(np.stack(boxes), ((0, 0), (4, 4), (4, 4)))
    np.savez(path.with_name("usps_framed.npz"), **found)
    return f"npz:{path.with_name('usps_framed.npz')}"


def mean(values: Sequence[float]) -> str:
    """Mean ± half of the 95% interval over the seeds, in per cent."""
    if len(values) < 2:
        return f"{100 * values[0]:.1f}"
    half = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{100 * statistics.fmean(values):.1f} ± {100 * half:.1f}"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Each arm: last, label-free and oracle."""
    yield "| source → target | term | last epoch | picked without labels | oracle | source's own test | seeds |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for (source, target), (_, methods) in PAIRS.items():
        for method in methods:
            own = [r for r in rows if (r["from"], r["to"], r["method"]) == (source, target, method)]
            if own:
                picked = [r["picks"][CRITERION] for r in own]
                cells = [[r["last"] for r in own], picked, [r["oracle"] for r in own], [r["source"] for r in own]]
                yield f"| {source} → {target} | {method} | {' | '.join(mean(c) for c in cells)} | {len(own)} |"


def criteria_table(rows: Sequence[Row]) -> Iterator[str]:
    """What each way of picking the epoch loses against the oracle, in points, over all arms."""
    yield "| epoch picked by | points below the oracle, mean | worst |"
    yield "|---|---:|---:|"
    lost = {"the last epoch": [r["oracle"] - r["last"] for r in rows]}
    for name in sorted(rows[0]["picks"]):
        lost[f"`{name}`"] = [r["oracle"] - r["picks"][name] for r in rows if name in r["picks"]]
    for name, values in sorted(lost.items(), key=lambda one: statistics.fmean(one[1])):
        yield f"| {name} | {100 * statistics.fmean(values):.1f} | {100 * max(values):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that is added to; default: none is kept")
    parser.add_argument("--write", type=Path, help="write the two tables into this page, in place of those it has")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print("The folder of shared data is not there; TLTK_SHARED_DATA may name it.")
        return
    rows: list[Row] = []
    if options.rows and options.rows.exists():
        rows = [json.loads(line) for line in options.rows.read_text("utf-8").splitlines()]
    with own_home() as folder:
        domains = digit_arrays(folder, TRAIN, TEST)
        domains["usps, in a frame"] = framed(domains["usps"])
        larger = folder / "larger"
        larger.mkdir()
        domains |= {f"{name}, 8,000": path for name, path in digit_arrays(larger, *LARGER).items()}
        for seed, ((source, target), (setting, methods)) in product(options.seeds, PAIRS.items()):
            for method in methods:
                at = {"from": source, "to": target, "method": method, "seed": seed}
                if any(at.items() <= row.items() for row in rows):
                    continue
                rows.append({**at, **measure(setting, domains[source], domains[target], method, seed)})
                if options.rows:
                    with options.rows.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    found = "\n".join([*table(rows), "", *criteria_table(rows)])
    print(found, f"\n\n{sum(r['seconds'] for r in rows) / 60:.1f} minutes of one core.")
    if options.write:
        text = options.write.read_text("utf-8")
        first, rest = text.split("<!-- tables -->\n", 1)
        _, last = rest.split("<!-- end of tables -->", 1)
        options.write.write_text(f"{first}<!-- tables -->\n\n{found}\n\n<!-- end of tables -->{last}", "utf-8")


if __name__ == "__main__":
    main()
