"""A stability–plasticity plane, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.plane.result import PlaneResult
from tltk.verdicts.judge import format_points

HEAD = "Test accuracy on target and source in %, best on the target first"


def lines(result: PlaneResult) -> list[str]:
    """The sentence, a line for each technique, and what must be known.

    Args:
        result: Of the study.
    """
    return [result.sentence, "", *align_left(rows(result)), "", *result.remarks]


def rows(result: PlaneResult) -> list[list[str]]:
    """The table, its head first: a row for each technique.

    Args:
        result: Of the study.
    """
    table = [["technique", "target", "95% interval", "source", "95% interval", "forgotten", "front"]]
    for p in result.points:
        target, source = (
            f"{_points(p.target_lo)} … {_points(p.target_hi)}",
            f"{_points(p.source_lo)} … {_points(p.source_hi)}",
        )
        front = "yes" if p.on_front else ""
        table.append([p.name, _points(p.target), target, _points(p.source), source, _points(p.forgotten), front])
    return table


def _points(share: float) -> str:
    return format_points(share, False)
