"""A freeze-depth sweep, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.sweep.result import SweepResult
from tltk.verdicts.judge import format_points

HEAD = "Points more than a network from scratch, with 95% intervals"


def lines(result: SweepResult) -> list[str]:
    """The sentence, the gap to a network from scratch by arm and depth, the signs, and what must be known.

    Args:
        result: Of the sweep.
    """
    told = [f"{sign.holds:12s} {sign.sentence}" for sign in result.signs]
    return [result.sentence, "", f"{HEAD}:", *align_left(rows(result)), "", *told, "", *result.remarks]


def rows(result: SweepResult) -> list[list[str]]:
    """The table, its head first: a row for each arm, a column for each number of layers.

    Args:
        result: Of the sweep.
    """
    layers = result.curves[0].layers
    names = [result.names[n - 1] if n <= len(result.names) else "" for n in layers]
    found = [["layers kept", *map(str, layers)], ["up to", *names]]
    for curve in result.curves:
        cells = zip(curve.gap, curve.lo, curve.hi, strict=True)
        found.append([curve.arm, *(f"{_points(gap)} ({_points(lo)} … {_points(hi)})" for gap, lo, hi in cells)])
    return found


def details(result: SweepResult) -> list[str]:
    """The paper's signs, and whether each is there.

    Args:
        result: Of the sweep.
    """
    return [f"{sign.holds[0].upper()}{sign.holds[1:]}. {sign.sentence}" for sign in result.signs]


def _points(share: float) -> str:
    return format_points(share)
