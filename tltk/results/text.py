"""Results as lines of text, for the shell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

NONE = "–"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet lets a formula begin


def number(value: float | None, unit: str = "", p: float | None = None) -> str:
    """A figure in three digits, a share in per cent; a star where the test is significant.

    Args:
        value: None = there is none.
        unit: "%" for a share, 0 … 1.
        p: Of its test, corrected; None = there is no test.
    """
    if value is None:
        return NONE
    text = f"{value:.1%}" if unit == "%" else f"{value:.3g}"
    return text + ("*" if p is not None and p <= 0.05 else "")


def span(lo: float | None, hi: float | None) -> str:
    """An interval."""
    return f"{number(lo)} … {number(hi)}"


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns padded to their widest entry, a line each; the first to the left, figures to the right."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    for line in (head, *rows):
        figures = [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        yield "  ".join([line[0].ljust(widths[0]), *figures]).rstrip()


def align_left(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines of text, every column to the left: for words and for figures that bring their interval.

    Args:
        rows: Cells, all rows of one length.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def write_csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV, quoted where it must be; a cell that a spreadsheet would take for a formula begins with '.

    Args:
        head: Names of the columns.
        rows: Cells, all rows of one length.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA else cell for cell in row])
    return target.getvalue()
