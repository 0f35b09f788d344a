"""A soup, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.soup.result import SoupResult
from tltk.verdicts.judge import format_points


def lines(result: SoupResult) -> list[str]:
    """The sentence, a line for each network, and what must be known.

    Args:
        result: Of the question.
    """
    rows = [["network", "validation", "test", "against the best run, 95 % interval", "runs"]]
    for row in result.rows:
        gap = (
            ""
            if row is result.rows[0]
            else f"{format_points(row.gap)} ({format_points(row.lo)} … {format_points(row.hi)})"
        )
        rows.append([row.name, _plain(row.val), _plain(row.accuracy), gap, str(len(row.parts))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    kept = [f"The greedy soup is kept as {result.weights}."] if result.weights else []
    return [result.sentence, "", *table, "", *kept, *result.remarks]


def _plain(share: float) -> str:
    return format_points(share, False)
