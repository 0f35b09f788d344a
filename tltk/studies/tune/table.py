"""A search for settings, as the shell prints it."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.tune.result import TrialResult, TuneResult
from tltk.verdicts.judge import format_points

HEAD = "Trials by their score on the validation examples, best first; pruned ones by that of their last epoch"
SHOWN = 20  # trials that the shell prints


def lines(result: TuneResult) -> list[str]:
    """The sentence, the best trials, and what must be known.

    Args:
        result: Of the search.
    """
    table = rows(result)
    more = len(table) - 1 - SHOWN
    left = [f"… and {more} more; --json has all of them."] if more > 0 else []
    return [result.sentence, "", *align_left(table[: SHOWN + 1]), *left, "", *result.remarks]


def rows(result: TuneResult) -> list[list[str]]:
    """The table, its head first: a row for each trial, best first.

    Args:
        result: Of the search.
    """
    order = sorted(result.trials, key=lambda t: (t.ended != "done", -(t.score or 0.0)))
    head = ["trial", "validation, %", "technique", "rate", "boundary", "augmentation", "epochs", "ended", "seconds"]
    return [head, *(_cells(one) for one in order)]


def _cells(one: TrialResult) -> list[str]:
    setting = one.setting
    return [
        f"{one.number} (default)" if one.number == 1 else str(one.number),
        "–" if one.score is None else format_points(one.score, False),
        setting.technique,
        f"{setting.lr:.2g}",
        str(setting.boundary),
        setting.augmentation,
        str(one.epochs),
        one.ended,
        f"{one.seconds:.1f}",
    ]
