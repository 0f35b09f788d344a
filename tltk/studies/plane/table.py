"""A stability–plasticity plane, as the shell prints it."""

from __future__ import annotations

from tltk.studies.plane.result import PlaneResult
from tltk.verdicts.judge import format_points


def lines(result: PlaneResult) -> list[str]:
    """The sentence, a line for each technique, and what must be known.

    Args:
        result: Of the study.
    """
    rows = [["technique", "target", "95 % interval", "source", "95 % interval", "forgotten", "front"]]
    for p in result.points:
        target, source = (
            f"{_points(p.target_lo)} … {_points(p.target_hi)}",
            f"{_points(p.source_lo)} … {_points(p.source_hi)}",
        )
        front = "yes" if p.on_front else ""
        rows.append([p.name, _points(p.target), target, _points(p.source), source, _points(p.forgotten), front])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [result.sentence, "", *table, "", *result.race.remarks]


def _points(share: float) -> str:
    return format_points(share, False)
