"""An atlas, as the shell prints it."""

from __future__ import annotations

from tltk.studies.atlas.result import AtlasResult
from tltk.verdicts.judge import format_points

MARKS = {"helps": "+", "hurts": "−", "no difference": "=", "cannot tell": "?"}


def lines(result: AtlasResult) -> list[str]:
    """The sentence, the gap of every source (rows) on every target (columns), and what must be known.

    Args:
        result: Of the study.
    """
    found = {(j.source, j.target): j for j in result.journeys}
    rows = [["source, target", *result.domains]]
    for source in result.domains:
        cells = []
        for target in result.domains:
            one = found.get((source, target))
            distance = "" if one is None or one.mmd is None else f", mmd {one.mmd:.3f}"
            cells.append("" if one is None else f"{MARKS[one.label]} {format_points(one.gap)}{distance}")
        rows.append([source, *cells])
    rows.append(["from scratch", *(format_points(result.scratch[name], False) for name in result.domains)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    legend = "Points more than from scratch: + helps, − hurts, = no difference, ? cannot tell."
    return [result.sentence, "", legend, *table, "", *result.remarks]
