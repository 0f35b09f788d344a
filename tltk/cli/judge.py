"""`tltk judge A.csv B.csv`: the verdict on anybody's paired scores. No torch here."""

from __future__ import annotations

import csv
import dataclasses
import os
import stat
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from tltk.cli.following import json_option, out
from tltk.errors import BadSpec
from tltk.verdicts.judge import DELTA, format_points, judge

MOST_BYTES = 500_000_000
DELIMITERS = ",;\t"


def read_scores(path: Path, transpose: bool = False) -> NDArray[np.float64]:
    """Scores from a text file: a row per seed, a column per example, between commas, semicolons, tabs or blanks.

    A first row of names is left out.

    Args:
        path: The file.
        transpose: Whether rows are examples and columns seeds.

    Returns:
        (seeds, examples).

    Raises:
        BadSpec: It cannot be read, or a cell is no number, or rows differ in length.
    """
    rows = _rows(path)
    if rows and not any(_is_number(cell) for cell in rows[0]):
        rows = rows[1:]
    if not rows:
        raise BadSpec(f"{path} must hold a row of scores for each seed. It holds none.")
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise BadSpec(
                f"All rows of {path} must be of one length. Row {number} has {len(row)} scores, the first "
                f"{len(rows[0])}."
            )
        for column, cell in enumerate(row, 1):
            if not _is_number(cell):
                raise BadSpec(f"{path} must hold numbers from 0 to 1. Row {number}, column {column} is {cell[:40]!r}.")
    found = np.array([[float(cell) for cell in row] for row in rows])
    return found.T if transpose else found


def _rows(path: Path) -> list[list[str]]:
    """The cells of a small table, whatever stands between them; empty lines are none."""
    try:
        with open(path, "rb") as file:
            kind = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):  # a device would be read for ever
                raise BadSpec(f"{path} must be a text file of scores. It is a device.")
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except BadSpec:
        raise
    except (OSError, ValueError) as fault:
        raise BadSpec(f"{path} must be a text file of scores. It cannot be read: {fault}.") from None
    if len(data) > MOST_BYTES:
        raise BadSpec(f"{path} must be no larger than {MOST_BYTES / 1e6:.0f} MB. It is; score fewer examples.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    between = next((mark for mark in DELIMITERS if lines and mark in lines[0]), None)
    if between is None:
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=between)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@click.command("judge")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--labels", type=click.Path(path_type=Path), help="Class of each example, one a line: a verdict per class too."
)
@click.option("--transpose", is_flag=True, help="Rows are examples and columns seeds.")
@click.option("--level", default=0.95, help="Coverage of the interval, 0.5 to 0.9999. Default 0.95.")
@click.option("--delta", default=DELTA, help=f"Gaps within ± this share count as no difference. Default {DELTA}.")
@json_option
def judge_verb(
    a: Path, b: Path, labels: Path | None, transpose: bool, level: float, delta: float, as_json: bool
) -> None:
    """Is B better than A? Two files of paired scores: a row per seed, a column per example, each 0 to 1."""
    classes = None if labels is None else [" ".join(row) for row in _rows(labels)]
    found = judge(
        read_scores(a, transpose),
        read_scores(b, transpose),
        labels=classes,
        level=level,
        delta=delta,
        names=(a.name, b.name),
    )
    if as_json:
        out(dataclasses.asdict(found))
        return
    click.echo(found.sentence)
    for one in found.per_class:
        click.echo(
            f"{one.label:13}  {format_points(one.gap):>6} ({format_points(one.lo)} … {format_points(one.hi)})  "
            f"{one.n:,} of {one.name}"
        )
