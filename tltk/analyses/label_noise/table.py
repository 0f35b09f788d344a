"""Labels that are likely wrong, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.label_noise.result import LabelNoiseResult
from tltk.data.names import escape_text
from tltk.results.text import align_left, write_csv

SHOWN = 50


def lines(found: LabelNoiseResult) -> Iterator[str]:
    """How many, the worst of them, and what must be known.

    Args:
        found: Of the question.
    """
    yield (
        f"{len(found.suspects):,} of {found.n:,} labels of {escape_text(found.domain)} ({found.part}) are likely "
        f"wrong; estimated share {found.noise:.1%}. The probe names {found.accuracy:.1%} of the labels out of fold."
    )
    if found.suspects:
        noun = data.noun_of(found.domain, found.backbone)
        rows = [["", noun[:-1], "part", "label", "likely", "probability", "of its label"]]
        for i, one in enumerate(found.suspects[:SHOWN], 1):
            words = [one.name, one.part, found.classes[one.label], found.classes[one.likely]]
            rows.append([str(i), *words, f"{one.probability:.3f}", f"{one.probability_label:.3f}"])
        yield from map(escape_text, align_left(rows))
        if len(found.suspects) > SHOWN:
            yield f"… and {len(found.suspects) - SHOWN:,} more; --csv FILE writes them all."
        yield f"The first {found.shown} lie on pictures.png of the run's folder; --png FILE writes it."
    yield from map(escape_text, found.remarks)


def as_csv(found: LabelNoiseResult) -> str:
    """The list to fix, worst first.

    Args:
        found: Of the question.
    """
    head = ["picture", "index", "part", "label", "likely", "probability_of_label", "probability_of_likely"]
    rows = [
        [
            one.name,
            one.index,
            one.part,
            found.classes[one.label],
            found.classes[one.likely],
            one.probability_label,
            one.probability,
        ]
        for one in found.suspects
    ]
    return write_csv(head, rows)
