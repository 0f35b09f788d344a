"""Coverage, false verdicts, power and width of the verdict's interval where the true gap is known, beside rivals.

`--write FILE` puts the tables into the page, the grid summed up over accuracies and noises.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from tests.benchmarks.rounds import table
from tests.support import simulated
from tltk.verdicts.judge import paired_interval

WAYS: dict[str, simulated.Interval] = {
    "tltk": paired_interval,
    "bootstrap, as before": simulated.paired_bootstrap,
    "variance components": simulated.variance_components,
}
CLASSES = 20
Cell = tuple[int, int, float, str]  # seeds, examples, accuracy, noise
CELLS: list[Cell] = list(product(simulated.SEEDS, simulated.EXAMPLES, simulated.BASES, simulated.NOISE))
OTHER: list[Cell] = list(
    product(simulated.OTHER_SEEDS, simulated.OTHER_EXAMPLES, simulated.OTHER_BASES, simulated.OTHER_NOISE)
)
Found = dict[str, dict[Cell, tuple[float, float, float, float]]]  # way → cell → covers at 0, covers at 5, power, width


def measure(cells: Sequence[Cell], names: Sequence[str], studies: int, seed: int, graded: bool = False) -> Found:
    """Each way on the same studies of each cell, without a gap and with one of 5 points."""
    draw = np.random.default_rng(seed)
    found: Found = {name: {} for name in names}
    for cell in cells:
        count = studies if cell[1] < 800 else studies // 2
        drawn = [
            (g, simulated.studies(count, cell[0], cell[1], cell[2], g, cell[3], draw, graded))
            for g in (0.0, simulated.GAP)
        ]
        for name in names:
            none, some = (simulated.outcomes(WAYS[name], d, g) for g, d in drawn)
            found[name][cell] = (none[0], *some)
    return found


def cell_rows(found: Found) -> Iterator[list[str]]:
    """A row for each cell."""
    for cell in next(iter(found.values())):
        row = [str(part) for part in cell]
        for cells in found.values():
            none, some, power, width = cells[cell]
            row += [f"{none:.3f} {some:.3f}", f"{power:.3f}", f"{width:.1f}"]
        yield row


def by_size(found: Found) -> Iterator[list[str]]:
    """A row for each number of seeds and examples: least and most coverage, mean power."""
    first = next(iter(found.values()))
    for size in dict.fromkeys(cell[:2] for cell in first):
        row = [str(part) for part in size]
        for cells in found.values():
            values = np.array([v for cell, v in cells.items() if cell[:2] == size])
            row += [f"{values[:, :2].min():.3f} … {values[:, :2].max():.3f}", f"{values[:, 2].mean():.3f}"]
        yield row


def overall(found: Found) -> Iterator[list[str]]:
    """A row for each way."""
    for name, cells in found.items():
        values = np.array(list(cells.values()))
        few = np.array([cell[1] == 20 and cell[2] == 0.93 for cell in cells])
        many = np.array([cell[1] >= 100 for cell in cells])
        least = (~few).any() and f"{values[~few, :2].min():.3f}"
        yield [
            name,
            f"{values[:, 2].mean():.3f}",
            f"{values[:, :2].mean():.3f}",
            str(least or "–"),
            f"{values[few, :2].min():.3f}" if few.any() else "–",
            f"{values[many, :2].max():.3f}" if many.any() else "–",
            f"{1 - values[:, 0].min():.3f}",
        ]


OVERALL = [
    "over the grid",
    "mean power",
    "mean coverage",
    "least",
    "least at 20 pictures and .93",
    "most from 100 pictures on",
    "most false verdicts",
]


def classes(studies: int) -> Iterator[list[str]]:
    """Share of studies with ten classes of which at least one has a gap that its interval does not hold."""
    draw, level = np.random.default_rng(3), 1 - 0.05 / 10
    for seeds, n, noise in product(simulated.SEEDS, (12, 80), simulated.NOISE):
        row = [str(seeds), str(n), noise]
        for gap in (0.0, simulated.GAP):
            drawn = simulated.studies(studies, seeds, 10 * n, 0.7, gap, noise, draw).astype(float)
            found = np.array([[paired_interval(d[:, i::10], level)[1:] for i in range(10)] for d in drawn])
            row.append(f"{((found[..., 0] > gap) | (found[..., 1] < gap)).any(1).mean():.3f}")
        yield row


def rivals(studies: int) -> Iterator[list[str]]:
    """False verdicts without a gap and power at 5 points beside two ways that know seeds alone; means over the cells."""
    draw = np.random.default_rng(2)
    found: dict[tuple[int, int], list[list[tuple[float, float]]]] = {}
    for cell in CELLS:
        row = []
        for gap in (0.0, simulated.GAP):
            first, second = simulated.arms(studies, cell[0], cell[1], cell[2], gap, cell[3], draw)
            a, b = first.mean(2, dtype=float), second.mean(2, dtype=float)
            own = np.array([paired_interval(np.asarray(d, float)) for d in second - first])
            low, high = simulated.seed_bootstrap(a, b, draw)
            better, worse = simulated.order_violation(b, a, draw), simulated.order_violation(a, b, draw)
            told = [
                (own[:, 1] > 0, own[:, 2] < 0),
                (low > 0, high < 0),
                (better < 0.2, worse < 0.2),
            ]
            row.append([float((helps if gap else helps | hurts).mean()) for helps, hurts in told])
        found.setdefault(cell[:2], []).append(list(zip(*row, strict=True)))
    for size, cells in found.items():
        values = np.array(cells)  # (cells, ways, false and power)
        line = [str(part) for part in size]
        for way in range(values.shape[1]):
            line += [
                f"{values[:, way, 0].mean():.3f} ({values[:, way, 0].max():.3f})",
                f"{values[:, way, 1].mean():.3f}",
            ]
        yield line


RIVALS = ["seeds", "examples"] + [
    f"{name}: {what}"
    for name in ("tltk", "bootstrap of seeds", "stochastic order")
    for what in ("false (most)", "power")
]


def families(names: Sequence[str], studies: int) -> Iterator[list[str]]:
    """False verdicts with no gap: overall, and in at least one of 20 classes (Bonferroni), from 1 example up."""
    draw = np.random.default_rng(1)
    for kind, make in simulated.NO_GAP.items():
        for seeds in simulated.SEEDS:
            for n in (1, 2, 3, 5, 8, 12, 20, 50):
                drawn = make(studies, seeds, n, draw)
                row = [kind, str(seeds), str(n)]
                for name in names:
                    if n < 2 and name == "variance components":
                        row += ["–", "–"]
                        continue
                    false = [0.0, 0.0]
                    for i, level in enumerate((0.95, 1 - 0.05 / CLASSES)):
                        found = np.array([WAYS[name](d, level) for d in drawn])  # type: ignore[call-arg]
                        false[i] = float(((found[:, 1] > 0) | (found[:, 2] < 0)).mean())
                    row += [f"{false[0]:.3f}", f"{1 - (1 - false[1]) ** CLASSES:.3f}"]
                yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="studies in a cell")
    parser.add_argument("--ways", default=",".join(WAYS), help="which intervals, with commas")
    parser.add_argument("--seed", type=int, default=0, help="of the studies")
    tables = ("grid", "other", "graded", "classes", "rivals", "families")
    parser.add_argument("--only", nargs="*", choices=tables, default=tables, help="some of the tables")
    parser.add_argument("--write", type=Path, help="write the tables into this page, in place of those it has")
    options = parser.parse_args()
    names = options.ways.split(",")
    made: dict[str, tuple[list[str], list[list[str]]]] = {}
    for name, cells in (("grid", CELLS), ("other", OTHER), ("graded", CELLS)):
        if name in options.only:
            found = measure(cells, names, options.studies, options.seed, graded=name == "graded")
            heads = [h for way in names for h in (f"{way}: covers 0, 5", "power", "width")]
            table(["seeds", "examples", "accuracy", "noise", *heads], list(cell_rows(found)))
            heads = [h for way in names for h in (f"{way}: coverage", "power")]
            made[name] = (["seeds", "examples", *heads], list(by_size(found)))
            made[f"{name}, overall"] = (OVERALL, list(overall(found)))
    if "classes" in options.only:
        head = ["seeds", "pictures of a class", "noise", "a class missed, no gap", "with 5 points"]
        made["classes"] = (head, list(classes(options.studies // 2)))
    if "rivals" in options.only:
        made["rivals"] = (RIVALS, list(rivals(options.studies // 2)))
    for name, (head, rows) in made.items():
        print(f"### {name}\n")
        table(head, rows)
    if "families" in options.only:
        heads = [h for way in names for h in (f"{way}: overall", f"a class of {CLASSES}")]
        table(["what decides", "seeds", "examples", *heads], list(families(names, options.studies)))
    if options.write:
        text = options.write.read_text("utf-8")
        for name, (head, rows) in made.items():
            lines = [" | ".join(row) for row in (head, ["---"] * len(head), *rows)]
            body = "\n".join(f"| {line} |" for line in lines)
            before, rest = text.split(f"<!-- {name} -->\n", 1)
            _, after = rest.split(f"<!-- end of {name} -->", 1)
            text = f"{before}<!-- {name} -->\n\n{body}\n\n<!-- end of {name} -->{after}"
        options.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
