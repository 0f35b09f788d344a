"""Coverage, false verdicts, power and width of the verdict's interval where the true gap is known, beside rivals."""

from __future__ import annotations

import argparse

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


def grid(names: list[str], studies: int) -> None:
    """Every cell of seeds × examples × accuracy × noise, with no gap and with one of 5 points."""
    draw, rows = np.random.default_rng(0), []
    totals: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for seeds in simulated.SEEDS:
        for n in simulated.EXAMPLES:
            for base in simulated.BASES:
                for noise in simulated.NOISE:
                    count = studies if n < 800 else studies // 2
                    drawn = [
                        (g, simulated.studies(count, seeds, n, base, g, noise, draw)) for g in (0.0, simulated.GAP)
                    ]
                    cell = [str(seeds), str(n), f"{base}", noise]
                    for name in names:
                        none, some = (simulated.outcomes(WAYS[name], d, g) for g, d in drawn)
                        totals[name].append((none[0], some[0], some[1]))
                        cell += [f"{none[0]:.3f} {some[0]:.3f}", f"{some[1]:.3f}", f"{some[2]:.1f}"]
                    rows.append(cell)
    heads = [h for name in names for h in (f"{name}: covers 0, 5", "power", "width")]
    table(["seeds", "examples", "accuracy", "noise", *heads], rows)
    summary = []
    for name, found in totals.items():
        values = np.array(found)
        summary.append(
            [
                name,
                f"{values[:, :2].mean():.3f}",
                f"{values[:, :2].min():.3f}",
                f"{1 - values[:, 0].min():.3f}",
                f"{values[:, 2].mean():.3f}",
            ]
        )
    table(["over the grid", "mean coverage", "least", "most false verdicts", "mean power"], summary)


def families(names: list[str], studies: int) -> None:
    """False verdicts with no gap: overall, and in at least one of 20 classes (Bonferroni), from 1 example up."""
    draw, rows = np.random.default_rng(1), []
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
                rows.append(row)
    heads = [h for name in names for h in (f"{name}: overall", f"a class of {CLASSES}")]
    table(["what decides", "seeds", "examples", *heads], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="studies in a cell")
    parser.add_argument("--ways", default=",".join(WAYS), help="which intervals, with commas")
    parser.add_argument("--only", choices=("grid", "families"), help="one of the two tables")
    options = parser.parse_args()
    names = options.ways.split(",")
    if options.only != "families":
        grid(names, options.studies)
    if options.only != "grid":
        families(names, options.studies)


if __name__ == "__main__":
    main()
