"""The most confident mistakes, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tltk import data
from tltk.analyses.errors.result import ErrorsResult
from tltk.data.names import escape_text
from tltk.results.text import align_left, write_csv

PAIRS = 6  # of classes that are named in a line
SHEET = "They lie in this order on pictures.png of the run's folder; --png FILE writes it."


def lines(found: ErrorsResult) -> Iterator[str]:
    """How many are wrong, and a line for each of the most confident ones.

    Args:
        found: Of the question.
    """
    noun = data.noun_of(found.domain, found.backbone)
    yield (
        f"{found.wrong:,} of {found.n:,} {noun} of {escape_text(found.domain)} ({found.part}) are taken for another "
        f"class, {found.wrong / found.n:.1%}."
    )
    if found.mistakes:
        rows = [["", noun[:-1], "is", "taken for", "probability", "of its own class"]]
        for i, one in enumerate(found.mistakes, 1):
            words = [one.name, found.classes[one.label], found.classes[one.predicted]]
            rows.append([str(i), *words, f"{one.probability:.3f}", f"{one.probability_label:.3f}"])
        yield from map(escape_text, align_left(rows))
        pairs = Counter((one.label, one.predicted) for one in found.mistakes).most_common(PAIRS)
        told = ", ".join(f"{found.classes[a]} for {found.classes[b]} {n}" for (a, b), n in pairs)
        yield escape_text(f"Most often among these: {told}.")
        yield SHEET
    yield from map(escape_text, found.remarks)


def as_csv(found: ErrorsResult) -> str:
    """The list, a line for each mistake.

    Args:
        found: Of the question.
    """
    head = ["picture", "index", "label", "predicted", "probability", "probability_of_label"]
    rows = [
        [m.name, m.index, found.classes[m.label], found.classes[m.predicted], m.probability, m.probability_label]
        for m in found.mistakes
    ]
    return write_csv(head, rows)
