"""Studies on real pictures, and planted ones whose answer is known, from the shell: each command, its verdict, its time.

Every command runs as it stands, with `$DATA` for the folder of shared data and `$MADE` for one of arrays made here; then
its report is written. Results are written to a file as they come (`--rows`), so what was cut off goes on with the next.
`--write FILE` puts them into the page. Processor time is that of all processes of the study, wherever they run.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.benchmarks.rounds import SHARED, own_home

Row = dict[str, Any]
DIGITS = "--target npz:$DATA/npz/usps.npz --shots 20 --size 28 --backbone test_resnet --epochs 10 --epoch-images 500"
FROZEN = "--boundary 5 --lrs 1e-3,3e-3,1e-2,3e-2,1e-1"  # a head alone wants higher rates than a network
WEIGHTS = "--backbone mobilenetv2_035 --weights file:$DATA/weights/mobilenetv2_035.keras_in1k_f32.plain.safetensors"
PHOTOS = f"--shots 20 --size 96 {WEIGHTS} --epochs 10 --epoch-images 160 --evaluate 5 --lrs 1e-3,3e-3 --widen 1"
SHAPES = (
    "--target shapes:hues=1 --n 2000 --shots 20 --backbone test_resnet --boundary 5 --epochs 8 --epoch-images 320 "
    "--lrs 3e-3,1e-2,3e-2,1e-1,3e-1"
)


@dataclass(frozen=True)
class Shown:
    """A study to show.

    Attributes:
        command: Of the shell.
        expected: The verdict that should come out; empty where nothing is planted.
        arm: Of a race, the one that is held against the first.
    """

    command: str
    expected: str = ""
    arm: str = ""


STUDIES = {
    "mnist-usps": Shown(f"tltk compare --source npz:$DATA/npz/mnist.npz --source-n 8000 --source-epochs 4 {DIGITS}"),
    "ants-bees": Shown(f"tltk compare --target archive:$DATA/folders/hymenoptera_256.tar {PHOTOS}", "helps"),
    "flowers": Shown(f"tltk compare --target archive:$DATA/folders/flowers_160.tar {PHOTOS}", "helps"),
    "fashion-mnistm": Shown(
        "tltk compare --source npz:$DATA/npz/fashion_12k.npz --source-n 8000 --source-epochs 4 --target npz:$DATA/npz/mnistm.npz "
        f"--shots 100 --size 28 --backbone test_resnet {FROZEN} --epochs 10",
        "hurts",
    ),
    "permuted-labels": Shown(
        f"tltk compare --source npz:$MADE/mnist_permuted.npz --source-n 8000 --source-epochs 4 {FROZEN} {DIGITS}",
        "hurts",
    ),
    "true-labels": Shown(
        f"tltk compare --source npz:$DATA/npz/mnist.npz --source-n 8000 --source-epochs 4 {FROZEN} {DIGITS}",
    ),
    "partial-dann": Shown(
        "tltk race --source npz:$DATA/npz/mnist.npz --source-n 6000 --target subset:0-4@npz:$DATA/npz/usps.npz "
        "--labels source --arms source_only,dann --lrs 3e-3 --epochs 6 --epoch-images 1000 --batch-size 64 "
        "--backbone test_efficientnet_gn --seeds 5",
        "hurts",
        "dann",
    ),
    "misled": Shown(f"tltk compare {SHAPES} --weights store:test_resnet_misled", "hurts"),
    "planted": Shown(
        f"tltk compare {SHAPES} --source shapes:hues=1 --source-n 3000 --source-seed 1 --source-epochs 6", "helps"
    ),
    "sweep": Shown(
        "tltk sweep --target archive:$DATA/folders/flowers_160.tar --halves random --shots 60 --arms AnB,AnB+,BnB "
        "--backbone resnet10t --epochs 8 --evaluate 8 --source-epochs 8 --source-evaluate 8"
    ),
}


def make_arrays(folder: Path) -> None:
    """MNIST whose pictures have one another's labels, so that there is nothing to learn but each picture's own."""
    draw = np.random.default_rng(0)
    with np.load(SHARED / "npz" / "mnist.npz") as read:
        parts: dict[str, Any] = {
            name: draw.permutation(read[name]) if name.startswith("y") else read[name] for name in read.files
        }
    np.savez(folder / "mnist_permuted.npz", **parts)


def processor_seconds(folder: str) -> float:
    """Of all processes that live now and have this home, and of those of their children that have ended."""
    found = 0.0
    for process in psutil.process_iter():
        try:
            if process.environ().get("TLTK_HOME") == folder and process.pid != os.getpid():
                found += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return found


def run(name: str, folder: Path, reports: Path | None) -> Row:
    """Run the command in this home and write its report."""
    os.environ |= {"DATA": str(SHARED), "MADE": str(folder / "made"), "TLTK_SUPERVISOR_IDLE": "20"}
    (folder / "made").mkdir()
    make_arrays(folder / "made")
    words = [os.path.expandvars(word) for word in shlex.split(STUDIES[name].command)]
    tltk = [sys.executable, "-m", "tltk.cli"]
    before, start, load = processor_seconds(str(folder)), time.perf_counter(), os.getloadavg()[0]
    done = subprocess.run([*tltk, *words[1:], "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stdout}")
    seconds, after = time.perf_counter() - start, before
    for _ in range(10):  # the worker's time is its parent's once it has ended, which takes a moment
        time.sleep(0.5)
        after = max(after, processor_seconds(str(folder)))
    answer = json.loads(done.stdout)
    if reports is not None:
        reports.mkdir(parents=True, exist_ok=True)
        subprocess.run([*tltk, "report", answer["id"], str(reports / f"{name}.html")], check=True)
    return {
        "study": name,
        "seconds": round(seconds, 1),
        "processor": round(after - before, 1),
        "load": round(load, 1),
        "trainings": len(answer["children"]),
        "result": answer["result"],
    }


def points(gap: float, lo: float, hi: float) -> str:
    """A gap and its interval in points."""
    return f"{100 * gap:+.1f} ({100 * lo:+.1f} … {100 * hi:+.1f})".replace("-", "−")


def tell(row: Row) -> tuple[str, str, str]:
    """What it found: label, gap with interval, sentence."""
    result, shown = row["result"], STUDIES[row["study"]]
    if "verdict" in result:
        v = result["verdict"]
        return v["label"], points(v["gap"], v["lo"], v["hi"]), v["sentence"].replace(str(SHARED), "$DATA")
    if shown.arm:
        pair = next(p for p in result["pairs"] if shown.arm in (p["first"], p["second"]))
        turned = pair["first"] == shown.arm  # what is lost or gained by that arm
        gap, lo, hi = (-pair["gap"], -pair["hi"], -pair["lo"]) if turned else (pair["gap"], pair["lo"], pair["hi"])
        label = {"helps": "hurts", "hurts": "helps"}.get(pair["label"], pair["label"]) if turned else pair["label"]
        return label, points(gap, lo, hi), result["sentence"]
    return "", "", result["sentence"]


def block(row: Row) -> Iterator[str]:
    """A study as it stands in the page."""
    shown, (label, gap, sentence) = STUDIES[row["study"]], tell(row)
    yield f"```sh\n{shown.command}\n```\n"
    yield f"> {sentence}\n"
    if shown.arm:
        yield f"`{shown.arm}`: {label}, {gap} points.\n"
    if "curves" in row["result"]:
        yield from _curves(row["result"])
    yield (
        f"{row['trainings']} trainings, {row['seconds']:.0f} s from the command to the answer, "
        f"{row['processor']:.0f} s of processor time (load {row['load']:.1f} before).\n"
    )


def _curves(result: Row) -> Iterator[str]:
    """A sweep: gap at each depth for each arm, and the signs."""
    layers = result["curves"][0]["layers"]
    yield f"| kept | {' | '.join(c['arm'] for c in result['curves'])} |"
    yield f"|---|{'---:|' * len(result['curves'])}"
    for i, n in enumerate(layers):
        cells = [points(c["gap"][i], c["lo"][i], c["hi"][i]) for c in result["curves"]]
        yield f"| {n} | {' | '.join(cells)} |"
    yield ""
    for sign in result["signs"]:
        yield f"- {sign['holds']}: {sign['sentence']}"
    yield ""


def summary(rows: dict[str, Row]) -> Iterator[str]:
    """All studies in one table."""
    yield "| study | verdict | points more | should be | seconds | of the processor |"
    yield "|---|---|---:|---|---:|---:|"
    for name, shown in STUDIES.items():
        if name in rows:
            row, (label, gap, _) = rows[name], tell(rows[name])
            yield (
                f"| [{name}](#{name}) | {label} | {gap} | {shown.expected} | {row['seconds']:.0f} | "
                f"{row['processor']:.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that is added to; default: none is kept")
    parser.add_argument("--reports", type=Path, help="a folder for the reports; default: none are written")
    parser.add_argument("--write", type=Path, help="write what was found into this page, in place of what it has")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print("The folder of shared data is not there; TLTK_SHARED_DATA may name it.")
        return
    rows: dict[str, Row] = {}
    if options.rows and options.rows.exists():
        rows = {r["study"]: r for r in map(json.loads, options.rows.read_text("utf-8").splitlines())}
    for name in options.only:
        if name not in rows:
            with own_home() as folder:  # nothing that another study left may help
                rows[name] = run(name, folder, options.reports)
            if options.rows:
                with options.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[name]) + "\n")
        print(f"### {name}\n\n" + "\n".join(block(rows[name])), flush=True)
    tables = {name: list(block(row)) for name, row in rows.items()} | {"summary": list(summary(rows))}
    print("\n".join(tables["summary"]))
    if options.write:
        text = options.write.read_text("utf-8")
        for name, lines in tables.items():
            first, rest = text.split(f"<!-- {name} -->\n", 1)
            _, last = rest.split(f"<!-- end of {name} -->", 1)
            found = "\n".join(lines).strip()
            text = f"{first}<!-- {name} -->\n\n{found}\n\n<!-- end of {name} -->{last}"
        options.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
