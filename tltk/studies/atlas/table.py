"""An atlas, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.atlas.result import AtlasResult
from tltk.verdicts.judge import format_points

MARKS = {"helps": "+", "hurts": "−", "no difference": "=", "cannot tell": "?"}


HEAD = "Points more than from scratch, a row for each source: + helps, − hurts, = no difference, ? cannot tell"


def lines(result: AtlasResult) -> list[str]:
    """The sentence, the gap of every source (rows) on every target (columns), and what must be known.

    Args:
        result: Of the study.
    """
    return [result.sentence, "", f"{HEAD}.", *align_left(rows(result)), "", *result.remarks]


def rows(result: AtlasResult) -> list[list[str]]:
    """The table, its head first: a row for each source, a column for each target.

    Args:
        result: Of the study.
    """
    found = {(j.source, j.target): j for j in result.journeys}
    table = [["source, target", *result.domains]]
    for source in result.domains:
        cells = []
        for target in result.domains:
            one = found.get((source, target))
            distance = "" if one is None or one.mmd is None else f", mmd {one.mmd:.3f}"
            cells.append("" if one is None else f"{MARKS[one.label]} {format_points(one.gap)}{distance}")
        table.append([source, *cells])
    return [*table, ["from scratch", *(format_points(result.scratch[name], False) for name in result.domains)]]
