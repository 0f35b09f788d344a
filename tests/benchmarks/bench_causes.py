"""Planted against found: does `tltk causes` name the cause that was planted? Cases of the shift lab, a few seconds each.

A case is a source and a target of drawn shapes with one cause planted, or none. Cases of the part `development` were
looked at while the rules were written; those of `held out` were run once, when they stood. A case's figures are written
to a file as it ends (`--rows`), so what was cut off goes on with the next. `--write FILE` puts the tables into the page.
Everything runs on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.rounds import own_home
from tltk.data import load
from tltk.data.sources.shapes import attributes
from tltk.jobs.worker import execute
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.studies.causes.result import CausesResult
from tltk.studies.causes.spec import CausesSpec
from tltk.verdicts.judge import format_points

Row = dict[str, Any]
DEVELOPMENT, HELD_OUT = "development", "held out"
NONE = "nothing planted"
SIZE, N = 24, 1200
SHORT = 600  # pictures of a source whose labels are learned beside the target's
BATCH_NORM, GROUP_NORM = NetSpec("test_resnet"), NetSpec("test_efficientnet_gn")
SOURCE = OptimSpec(lr=3e-3, epochs=12, batch_size=64, evaluate=12, device="cpu")
OPTIM = OptimSpec(lr=3e-3, epochs=12, epoch_images=200, batch_size=32, evaluate=3, device="cpu")


@dataclass(frozen=True)
class Case:
    """One planted cause.

    Attributes:
        planted: Name of the cause, or `NONE`.
        about: What was planted, in words.
        spec: The study.
        part: `DEVELOPMENT` or `HELD_OUT`.
    """

    planted: str
    about: str
    spec: CausesSpec
    part: str = HELD_OUT


def study(
    source: str = "",
    target: str = "",
    *,
    technique: str = "fine_tune",
    shots: int = 10,
    n: int = N,
    target_n: int = N,
    seed: int = 0,
    net: NetSpec = BATCH_NORM,
    source_optim: OptimSpec = SOURCE,
    optim: OptimSpec = OPTIM,
    lrs: tuple[float, ...] = (3e-3,),
    **more: Any,
) -> CausesSpec:
    """Shapes as the source and others as the target, with the dials that are named."""

    def name(dials: str) -> str:
        return dials if dials.startswith("npz:") else f"shapes:{dials}" if dials else "shapes"

    return CausesSpec(
        source=DataSpec(name(source), n=n, seed=2 * seed),
        target=DataSpec(name(target), n=target_n, size=SIZE, shots=shots, seed=2 * seed + 1),
        technique=technique,
        net=net,
        source_optim=source_optim,
        optim=optim,
        lrs=lrs,
        widen=0,
        **more,
    )


def saved(
    folder: Path, name: str, dials: str, relabel: Callable[[np.ndarray, dict[str, Any]], np.ndarray], seed: int
) -> str:
    """Drawn shapes under other labels, as a file: the name of the domain."""
    path = folder / f"{name}.npz"
    if path.exists():  # of a home that is kept
        return f"npz:{path}"
    spec = DataSpec(f"shapes:{dials}" if dials else "shapes", n=N, size=SIZE, seed=2 * seed + 1)
    drawn = load(spec)
    labels = relabel(np.asarray(drawn.labels), attributes(spec, dials))
    x = np.asarray(drawn.images).transpose(0, 2, 3, 1)
    np.savez(path, x=x, y=labels, class_names=np.array(drawn.classes[: labels.max() + 1]))
    return f"npz:{path}"


def renamed(folder: Path, name: str, order: Sequence[int], seed: int, dials: str = "") -> str:
    """Shapes of which class i bears the name of class order[i]."""
    return saved(folder, name, dials, lambda labels, _: np.array(order)[labels], seed)


def of_hue(folder: Path, name: str, n_classes: int, seed: int, dials: str) -> str:
    """Shapes whose label is their hue, in parts of equal number, under the names of shapes."""

    def relabel(labels: np.ndarray, look: dict[str, Any]) -> np.ndarray:
        return (np.argsort(np.argsort(look["hue"])) * n_classes // len(labels)).astype(np.int64)

    return saved(folder, name, dials, relabel, seed)


def of_texture(folder: Path, name: str, seed: int, dials: str) -> str:
    """Shapes whose label is their texture, under the names of four shapes."""
    return saved(folder, name, dials, lambda _, look: np.asarray(look["texture"], np.int64), seed)


FROZEN, MANY = "feature_extraction", 40
FEW_STEPS = dataclasses.replace(OPTIM, epochs=4, epoch_images=64, evaluate=1)
WITH_SOURCE = dataclasses.replace(OPTIM, epochs=6)
ALL_LABELS = dataclasses.replace(OPTIM, epochs=12, epoch_images=0, batch_size=64, evaluate=1)
UNTRAINED = dataclasses.replace(SOURCE, epochs=1, epoch_images=64, evaluate=1, lr=1e-5)


def cases(folder: Path) -> list[Case]:
    """Every case; some of their domains are files in this folder."""
    return [*development(folder), *held_out(folder)]


def named_alike(folder: Path, name: str, order: Sequence[int], seed: int, dials: str = "", **more: Any) -> CausesSpec:
    """Source and target of the same shapes, of which class i of the target bears the name of class order[i]."""
    file = renamed(folder, name, order, seed, dials)
    given = {"shots": MANY, "n": SHORT, "optim": WITH_SOURCE, **more}
    return study(dials, file, labels="both", seed=seed, **given)


def enough(dials: str, seed: int, **more: Any) -> CausesSpec:
    """A target with all of its labels."""
    given = {"shots": 0, "target_n": 1600, "optim": ALL_LABELS, **more}
    return study(dials, dials, seed=seed, **given)


def frozen(source: str = "", target: str = "", seed: int = 1, **more: Any) -> CausesSpec:
    """Frozen features, and so many labels that a network from scratch learns too."""
    return study(source, target, technique=FROZEN, shots=MANY, seed=seed, **more)


def development(folder: Path) -> list[Case]:
    """The cases that were looked at while rules were written."""
    hues = of_hue(folder, "hue5", 5, 1, "classes=0-4")
    partial = study(
        "", "classes=0-2,hue=0.3", technique="dann", yardstick="source_only", labels="source", shots=0, n=SHORT, seed=1
    )
    twice = study(technique="l2_sp:weight=1e-6", yardstick="fine_tune", seed=1)
    found = [
        Case(NONE, "the same dials, 10 labels per class", study(seed=1)),
        Case(NONE, "the same weights used twice: L2-SP of no weight", twice),
        Case("label_sets", "source of 3 of 10 classes, frozen", frozen("classes=0-2")),
        Case("label_sets", "target of 3 of the source's 10 classes, DANN", partial),
        Case("covariate_shift", "negatives, frozen", frozen("", "inversion=1")),
        Case("covariate_shift", "noise of 0.3, frozen", frozen("", "noise=0.3")),
        Case(
            "misaligned_classes",
            "each name moved by one, source's labels learned too",
            named_alike(folder, "turned", [*range(1, 10), 0], 1),
        ),
        Case(
            "misaligned_classes",
            "names of two halves swapped, source's labels learned too",
            named_alike(folder, "halves", [5, 6, 7, 8, 9, 0, 1, 2, 3, 4], 1),
        ),
        Case("features_missing", "the target's label is the hue, frozen", frozen("classes=0-4", hues)),
        Case("features_missing", "source network of one step, frozen", frozen(source_optim=UNTRAINED)),
        Case("optimisation", "rates far too low", study(lrs=(1e-6, 1e-5), seed=1)),
        Case("optimisation", "rates too low, 8 steps", study(lrs=(1e-5, 1e-4), optim=FEW_STEPS, seed=1)),
        Case("label_noise", "80% of the source's labels wrong, frozen", frozen("label_noise=0.8")),
        Case("label_noise", "60% of the source's labels wrong, frozen", frozen("label_noise=0.6")),
        Case("shortcut", "hue tells every label of the source, frozen", frozen("correlation=1")),
        Case("shortcut", "hue tells every label, shapes tell none, frozen", frozen("correlation=1,shape_noise=1")),
        Case("target_large", "all labels of 1,600 pictures, three classes", enough("classes=0-2", 1)),
        Case("target_large", "all labels of 1,600 pictures, four classes", enough("classes=0-3", 1)),
    ]
    return [dataclasses.replace(one, part=DEVELOPMENT) for one in found]


def held_out(folder: Path) -> list[Case]:
    """The cases that were run once, when the rules stood; other seeds, and settings that no rule has seen."""
    hues = of_hue(folder, "hue4", 4, 3, "classes=0-3")
    textures = of_texture(folder, "texture", 3, "classes=4-7")
    partial: dict[str, Any] = {"yardstick": "source_only", "labels": "source", "shots": 0, "n": SHORT, "seed": 3}
    high = dataclasses.replace(OPTIM, schedule="constant")
    return [
        Case(NONE, "the same dials, 10 labels per class", study(seed=3)),
        Case(NONE, "the same dials, 5 labels per class, frozen", study(technique=FROZEN, shots=5, seed=4)),
        Case(
            NONE,
            "six classes, small turns on both sides",
            study("rotation=10,classes=0-5", "rotation=10,classes=0-5", seed=3),
        ),
        Case(
            NONE,
            "the same weights used twice: L2-SP of no weight",
            study(technique="l2_sp:weight=1e-6", yardstick="fine_tune", seed=3),
        ),
        Case(
            NONE,
            "the same weights used twice, 40 labels per class",
            study(technique="l2_sp:weight=1e-6", yardstick="fine_tune", shots=MANY, seed=4),
        ),
        Case("label_sets", "source of 4 of 10 classes, frozen", frozen("classes=6-9", seed=3)),
        Case("label_sets", "source of 2 of 10 classes, frozen", frozen("classes=0+5", seed=3)),
        Case(
            "label_sets",
            "source of 5 classes, target of the other 5, frozen",
            frozen("classes=0-4", "classes=5-9", seed=3),
        ),
        Case(
            "label_sets",
            "target of 4 of the source's 10 classes, DANN",
            study("", "classes=0-3,hue=0.3", technique="dann", **partial),
        ),
        Case("covariate_shift", "background of photos, frozen", frozen("", "background=photo", seed=3)),
        Case("covariate_shift", "contrast of 0.1, frozen", frozen("", "contrast=0.1", seed=3)),
        Case("covariate_shift", "blur of 0.06, frozen", frozen("", "blur=0.06", seed=3)),
        Case("covariate_shift", "shapes of half the size, frozen", frozen("", "scale=0.5", seed=3)),
        Case(
            "misaligned_classes",
            "each name moved by three",
            named_alike(folder, "three", [3, 4, 5, 6, 7, 8, 9, 0, 1, 2], 3),
        ),
        Case(
            "misaligned_classes",
            "names of six classes reversed",
            named_alike(folder, "six", [5, 4, 3, 2, 1, 0], 3, "classes=0-5"),
        ),
        Case(
            "misaligned_classes",
            "names of two pairs of ten swapped",
            named_alike(folder, "pairs", [1, 0, 3, 2, 4, 5, 6, 7, 8, 9], 3),
        ),
        Case(
            "misaligned_classes",
            "names of five classes drawn",
            named_alike(folder, "five", [2, 4, 1, 0, 3], 4, "classes=0-4"),
        ),
        Case(
            "features_missing", "the target's label is the hue, four parts, frozen", frozen("classes=0-3", hues, seed=3)
        ),
        Case("features_missing", "the target's label is the texture, frozen", frozen("classes=4-7", textures, seed=3)),
        Case(
            "features_missing", "source network of one step, other seed, frozen", frozen(seed=3, source_optim=UNTRAINED)
        ),
        Case(
            "features_missing",
            "source network of three steps, six classes, frozen",
            frozen(
                "classes=0-5",
                "classes=0-5",
                seed=4,
                source_optim=dataclasses.replace(UNTRAINED, epoch_images=192, lr=1e-4),
            ),
        ),
        Case("optimisation", "rates far too low, 40 labels", study(lrs=(1e-6, 1e-5), shots=MANY, seed=3)),
        Case(
            "optimisation",
            "one epoch of two steps",
            study(optim=dataclasses.replace(FEW_STEPS, epochs=1), lrs=(1e-4, 1e-3), seed=3),
        ),
        Case("optimisation", "rates far too high", study(optim=high, lrs=(1.0, 3.0), seed=3)),
        Case("optimisation", "the rate of frozen features far too low", frozen(seed=3, lrs=(1e-5, 3e-5))),
        Case("label_noise", "90% of the source's labels wrong, frozen", frozen("label_noise=0.9", seed=3)),
        Case("label_noise", "70% of the source's labels wrong, frozen", frozen("label_noise=0.7", seed=3)),
        Case("label_noise", "50% of the source's labels wrong, frozen", frozen("label_noise=0.5", seed=3)),
        Case(
            "label_noise",
            "60% wrong, six classes, frozen",
            frozen("label_noise=0.6,classes=0-5", "classes=0-5", seed=4),
        ),
        Case("shortcut", "hue tells every label of the source, other seed, frozen", frozen("correlation=1", seed=3)),
        Case("shortcut", "hue tells 95% of labels, frozen", frozen("correlation=0.95", seed=3)),
        Case(
            "shortcut",
            "hue tells every label, half of the shapes tell none, frozen",
            frozen("correlation=1,shape_noise=0.5", seed=3),
        ),
        Case(
            "shortcut",
            "hue tells every label of six classes, frozen",
            frozen("correlation=1,classes=0-5", "classes=0-5", seed=4),
        ),
        Case("target_large", "all labels of 1,600 pictures, three other classes", enough("classes=3-5", 3)),
        Case("target_large", "all labels of 1,600 pictures, two classes", enough("classes=5+6", 3)),
        Case("target_large", "all labels of 1,600 pictures, classes far apart", enough("classes=0+4+8", 4)),
        Case("target_large", "all labels of 1,600 pictures, the last three classes", enough("classes=7-9", 4)),
    ]


def read(case: Case) -> Row:
    """The figures of a case."""
    start = time.perf_counter()
    run = Run.create(case.spec)
    execute(run)  # here: a process for each case would take longer to begin than its trainings take
    found = run.read(CausesResult)
    assert found is not None, run.status.message
    return {
        "planted": case.planted,
        "about": case.about,
        "part": case.part,
        "label": found.label,
        "gap": [found.gap, found.lo, found.hi],
        "accuracy": found.accuracy,
        "yardstick": found.yardstick,
        "found": found.found,
        "likely": [one.name for one in found.causes if one.level == "likely"],
        "scores": {one.name: one.score for one in found.causes},
        "levels": {one.name: one.level for one in found.causes},
        "reasons": {one.name: one.reason for one in found.causes},
        "counter": {one.name: one.outcome.answer for one in found.causes if one.outcome},
        "sentence": found.sentence,
        "seconds": round(time.perf_counter() - start, 1),
    }


ORDER = (
    "label_sets",
    "covariate_shift",
    "misaligned_classes",
    "features_missing",
    "optimisation",
    "label_noise",
    "shortcut",
    "target_large",
)
NOTHING, UNKNOWN = "nothing", "unknown"


def matrix(rows: Sequence[Row]) -> Iterator[str]:
    """Planted (rows) × found (columns)."""
    columns = [*ORDER, UNKNOWN, NOTHING]
    yield f"| planted | cases | {' | '.join(f'`{name}`' for name in columns)} |"
    yield f"|---|---:|{'---:|' * len(columns)}"
    for planted in (*ORDER, NONE):
        own = [r for r in rows if r["planted"] == planted]
        counts = [sum(r["found"] == name for r in own) for name in columns]
        name = planted if planted == NONE else f"`{planted}`"
        yield f"| {name} | {len(own)} | {' | '.join(str(n) if n else '' for n in counts)} |"


def is_right(row: Row) -> bool:
    """Whether what was planted is named first; where nothing was planted, whether no cause is named."""
    if row["planted"] == NONE:
        return bool(row["found"] in (UNKNOWN, NOTHING))
    return bool(row["found"] == row["planted"])


def tally(rows: Sequence[Row]) -> Iterator[str]:
    """How many cases are right, in words."""
    planted = [r for r in rows if r["planted"] != NONE]
    controls = [r for r in rows if r["planted"] == NONE]
    harmless = [r for r in planted if r["label"] == "helps"]
    among = [r for r in planted if r["planted"] in r["likely"]]
    yield (
        f"Of {len(planted)} planted causes {sum(map(is_right, planted))} are named first, and {len(among)} are among "
        f"those that are shown; in {len(harmless)} transfer helps all the same, so that nothing is explained. Of "
        f"{len(controls)} cases without a planted cause {sum(map(is_right, controls))} have none named."
    )


def each(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each case."""
    yield "| planted | what | points more than the yardstick | transfer | found | shown as well |"
    yield "|---|---|---:|---|---|---|"
    for planted in (*ORDER, NONE):
        for r in (r for r in rows if r["planted"] == planted):
            gap, lo, hi = (format_points(x) for x in r["gap"])
            found = r["found"] if is_right(r) else f"**{r['found']}**"
            more = ", ".join(name for name in r["likely"] if name != r["found"]) if r["label"] != "helps" else ""
            yield f"| {planted} | {r['about']} | {gap} ({lo} … {hi}) | {r['label']} | {found} | {more} |"


def tables(rows: Sequence[Row]) -> str:
    """The tables of one part."""
    return "\n\n".join("\n".join(lines(rows)) for lines in (tally, matrix, each))


@contextmanager
def kept_home(folder: Path) -> Iterator[Path]:
    """A home that stays."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TLTK_HOME"] = str(folder)
    yield folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=(DEVELOPMENT, HELD_OUT), help="one part alone")
    parser.add_argument("--only", help="cases whose planted cause begins so")
    parser.add_argument("--each", type=int, default=99, help="so many cases of each cause and part at most")
    parser.add_argument("--home", type=Path, help="a home that is kept: what it has trained is not trained again")
    parser.add_argument("--rows", type=Path, help="a file of JSON lines that is added to; default: none is kept")
    parser.add_argument("--write", type=Path, help="write the tables into this page, in place of those it has")
    options = parser.parse_args()
    os.environ["TLTK_THREADS"] = "1"
    rows: list[Row] = []
    if options.rows and options.rows.exists():
        rows = [json.loads(line) for line in options.rows.read_text("utf-8").splitlines()]
    with kept_home(options.home) if options.home else own_home() as folder:
        done = {(r["planted"], r["about"]) for r in rows}
        seen = Counter[tuple[str, str]]()
        for case in cases(folder):
            seen[case.part, case.planted] += 1
            if seen[case.part, case.planted] > options.each:
                continue
            asked = options.part in (None, case.part) and case.planted.startswith(options.only or "")
            if not asked or (case.planted, case.about) in done:
                continue
            rows.append(row := read(case))
            print(f"{row['planted']} → {row['found']} ({row['label']}), {row['seconds']} s: {row['about']}", flush=True)
            if options.rows:
                with options.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    text = options.write.read_text("utf-8") if options.write else ""
    for part in (DEVELOPMENT, HELD_OUT):
        if not (own := [r for r in rows if r["part"] == part]):
            continue
        print(f"### {part}\n\n{tables(own)}\n", flush=True)
        if options.write:
            first, rest = text.split(f"<!-- {part} -->\n", 1)
            _, last = rest.split(f"<!-- end of {part} -->", 1)
            text = f"{first}<!-- {part} -->\n\n{tables(own)}\n\n<!-- end of {part} -->{last}"
    if options.write:
        options.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
