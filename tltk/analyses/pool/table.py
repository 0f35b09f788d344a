"""A pooled verdict, as the shell prints it."""

from __future__ import annotations

from tltk.analyses.pool.result import PoolResult
from tltk.results.text import align_left
from tltk.verdicts.judge import format_points


def lines(result: PoolResult) -> list[str]:
    """The sentence, a line for each comparison, and what must be known.

    Args:
        result: Of the question.
    """
    rows = [["run", "seeds", "scratch", "transfer", "gap"]]
    for one in result.runs:
        each = [format_points(value, False) for value in (one.scratch, one.transfer)]
        seeds = ", ".join(map(str, one.seeds))
        rows.append([one.run, seeds, *each, format_points(one.transfer - one.scratch)])
    return [result.verdict.sentence, "", *align_left(rows), "", *result.remarks]
