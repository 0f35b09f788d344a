"""A study of labels, as the shell prints it."""

from __future__ import annotations

from tltk.studies.labels.result import LabelsResult
from tltk.studies.labels.study import in_words
from tltk.verdicts.judge import format_points


def lines(result: LabelsResult) -> list[str]:
    """The sentence, accuracy by technique and number of labels, what each is worth, and what must be known.

    Args:
        result: Of the study.
    """
    shots = result.curves[0].shots
    rows = [["labels per class", *(str(n) for n in shots)]]
    for curve in result.curves:
        cells = zip(curve.accuracy, curve.lo, curve.hi, strict=True)
        rows.append([curve.name, *(f"{_points(a)} ({_points(lo)} … {_points(hi)})" for a, lo, hi in cells)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    yard = result.curves[0].name
    worth = [f"With {w.shots} labels per class, {in_words(w, shots, yard)}." for w in result.worth]
    return [result.sentence, "", *table, "", *worth, "", *result.remarks]


def _points(share: float) -> str:
    return format_points(share, False)
