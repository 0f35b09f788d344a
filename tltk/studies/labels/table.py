"""A study of labels, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.labels.result import LabelsResult
from tltk.studies.labels.study import count_labels, in_words
from tltk.verdicts.judge import format_points

HEAD = "Test accuracy in %, with 95% intervals"


def lines(result: LabelsResult) -> list[str]:
    """The sentence, accuracy by technique and number of labels, what each is worth, and what must be known.

    Args:
        result: Of the study.
    """
    return [result.sentence, "", *align_left(rows(result)), "", *details(result), "", *result.remarks]


def rows(result: LabelsResult) -> list[list[str]]:
    """The table, its head first: a row for each technique, a column for each number of labels.

    Args:
        result: Of the study.
    """
    found = [["labels per class", *(str(n) for n in result.curves[0].shots)]]
    for curve in result.curves:
        cells = zip(curve.accuracy, curve.lo, curve.hi, strict=True)
        found.append([curve.name, *(f"{_points(a)} ({_points(lo)} … {_points(hi)})" for a, lo, hi in cells)])
    return found


def details(result: LabelsResult) -> list[str]:
    """What each technique is worth with each number of labels, a sentence each; the result's own tells of the least.

    Args:
        result: Of the study.
    """
    shots, yard = result.curves[0].shots, result.curves[0].name
    worth = [w for w in result.worth if w.shots != shots[0]]  # the sentence says that of the least number
    return [f"With {count_labels(w.shots)}, {in_words(w, shots, yard)}." for w in worth]


def _points(share: float) -> str:
    return format_points(share, False)
