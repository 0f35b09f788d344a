"""Copies, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.duplicates.result import DuplicatesResult
from tltk.data.names import escape_text
from tltk.results.text import NONE, align_left, columns, write_csv

SHOWN = 40


def lines(found: DuplicatesResult) -> Iterator[str]:
    """How many between which parts, the first pairs, and what follows.

    Args:
        found: Of the question.
    """
    noun = data.noun_of(found.target)
    where = f"within {found.target} ({found.n:,} {noun})"
    if found.other:
        where = f"between {found.target} ({found.n:,} {noun}) and {found.other} ({found.n_other:,})"
    yield escape_text(f"{found.total:,} pairs of copies or near copies {where}.")
    if found.pairs:
        rows = [
            [f"{one.part} – {one.other_part}", f"{one.pairs:,}", f"{one.identical:,}", f"{one.clashing:,}"]
            for one in found.parts
        ]
        yield from columns(["parts", "pairs", "identical", "two labels"], rows)
        table = [["", noun[:-1], "label", "is copied by", "label", "parts", "kind", "bits"]]
        for i, one in enumerate(found.pairs[:SHOWN], 1):
            ends = [f"{one.part} – {one.other_part}", one.kind, NONE if one.bits is None else str(one.bits)]
            table.append([str(i), one.name, one.label, one.other_name, one.other_label, *ends])
        yield from map(escape_text, align_left(table))
        if found.total > SHOWN:
            yield f"… and {found.total - SHOWN:,} more; --csv FILE writes what is listed."
        yield f"The first {found.shown} lie side by side on pictures.png of the run's folder; --png FILE writes it."
    yield from map(escape_text, found.remarks)


def as_csv(found: DuplicatesResult) -> str:
    """The pairs that are listed.

    Args:
        found: Of the question.
    """
    head = ["picture", "index", "part", "label", "copy", "copy_index", "copy_part", "copy_label", "kind", "bits"]
    rows = [
        [p.name, p.index, p.part, p.label, p.other_name, p.other_index, p.other_part, p.other_label, p.kind, p.bits]
        for p in found.pairs
    ]
    return write_csv(head, rows)
