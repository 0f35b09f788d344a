"""A soup, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.soup.result import SoupResult
from tltk.results.text import align_left
from tltk.verdicts.judge import format_points


def lines(result: SoupResult) -> list[str]:
    """The sentence, a line for each network, and what must be known.

    Args:
        result: Of the question.
    """
    rows = [["network", "validation", "test", "against the best run, 95% interval", "runs"]]
    for row in result.rows:
        gap = (
            ""
            if row is result.rows[0]
            else f"{format_points(row.gap)} ({format_points(row.lo)} … {format_points(row.hi)})"
        )
        rows.append([row.name, _plain(row.val), _plain(row.accuracy), gap, str(len(row.parts))])
    kept = [f"The greedy soup is kept as {result.weights}."] if result.weights else []
    return [result.sentence, "", *align_left(rows), "", *kept, *result.remarks]


def _plain(share: float) -> str:
    return format_points(share, False)
