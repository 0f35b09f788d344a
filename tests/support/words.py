"""Finished trainings of texts and of rows, each made in a moment."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from tests.support.shell import tltk
from tests.support.texts import BAD, GOOD, lines
from tltk.runs.run import all_runs
from tltk.specs.training import TransferSpec

COLOURS = ("red", "green", "blue")
HERE = ("--device", "cpu", "--epochs", "2", "--lr", "0.01")


def table(path: Path, n: int = 120) -> Path:
    """Rows of a number that is sometimes missing, a word, and an outcome that follows from both."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, ["age", "Colour", "outcome"])
        out.writeheader()
        for _ in range(n):
            colour, age = draw.choice(COLOURS), draw.gauss(40, 10)
            outcome = "yes" if (age > 40) != (colour == "red") else "no"
            out.writerow({"age": "" if draw.random() < 0.1 else f"{age:.1f}", "Colour": colour, "outcome": outcome})
    return path


def vectors(path: Path) -> Path:
    """Vectors of most of the words of `tests.support.texts`."""
    draw = random.Random(0)
    words = sorted({word for text in (*GOOD, *BAD) for word in text.lower().strip(".!").split()})[1:]
    path.write_text("\n".join(f"{w} {' '.join(f'{draw.gauss(0, 1):.4f}' for _ in range(8))}" for w in words))
    return path


def trained_on(kind: str, folder: Path) -> tuple[str, Path]:
    """The id of a training, and a file of what it can predict.

    Args:
        kind: rows, encoder or vectors.
        folder: For its files.
    """
    if kind == "rows":
        target = table(folder / "rows.csv")
        words = ("--target", f"table:{target}", "--size", "16", "--backbone", "mlp?layers=2&width=16")
    else:
        target = lines(folder / "texts.tsv")
        small = "encoder:bert?layers=2&width=32"
        name = small if kind == "encoder" else f"vectors:{vectors(folder / 'v.txt')}"
        first = () if kind == "encoder" else ("--weights", name)
        words = ("--target", f"text:{target}", "--size", "32", "--backbone", name, *first)
    return train(*words), target


def train(*words: str) -> str:
    """The id of a training that is asked for in the shell; what it notes is printed there too."""
    done = tltk("run", *words, *HERE)
    assert done.exit_code == 0, done.output
    return next(run.id for run in all_runs() if isinstance(run.spec, TransferSpec))
