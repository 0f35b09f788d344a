"""A freeze-depth sweep, as the shell prints it."""

from __future__ import annotations

from tltk.studies.sweep.result import SweepResult
from tltk.verdicts.judge import format_points


def lines(result: SweepResult) -> list[str]:
    """The sentence, the gap to a network from scratch by arm and depth, the signs, and what must be known.

    Args:
        result: Of the sweep.
    """
    layers = result.curves[0].layers
    names = [result.names[n - 1] if n <= len(result.names) else "" for n in layers]
    rows = [["layers kept", *map(str, layers)], ["up to", *names]]
    for curve in result.curves:
        cells = zip(curve.gap, curve.lo, curve.hi, strict=True)
        rows.append([curve.arm, *(f"{_points(gap)} ({_points(lo)} … {_points(hi)})" for gap, lo, hi in cells)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    told = [f"{sign.holds:12s} {sign.sentence}" for sign in result.signs]
    head = "Points more than a network from scratch, with 95 % intervals:"
    return [result.sentence, "", head, *table, "", *told, "", *result.remarks]


def _points(share: float) -> str:
    return format_points(share)
