"""Causes, as the shell prints them."""

from __future__ import annotations

from tltk.results.text import align_left
from tltk.studies.causes.hypotheses import causes
from tltk.studies.causes.result import CauseResult, CausesResult

HEAD = "Causes, the likeliest first; the share is the least that each accounts for"


def lines(result: CausesResult) -> list[str]:
    """The sentence, a line for each cause, what speaks for it, how to settle it, and what must be known.

    Args:
        result: Of the study.
    """
    open_ = [
        one for one in result.causes if one.command and one.outcome is None and one.level in ("likely", "possible")
    ]
    told = ["", "To settle it:", *(f"{title(one)}: {one.command}" for one in open_)] if open_ else []
    return [
        result.sentence,
        "",
        f"{HEAD}:",
        *align_left(rows(result)),
        "",
        *details(result),
        *told,
        "",
        *result.remarks,
    ]


def rows(result: CausesResult) -> list[list[str]]:
    """The table, its head first: a row for each cause.

    Args:
        result: Of the study.
    """
    head = ["cause", "how sure", "share", "brought about by", "counter-experiment"]
    return [head, *(_cells(one) for one in result.causes)]


def details(result: CausesResult) -> list[str]:
    """What speaks for each cause, and what its counter-experiment came to.

    Args:
        result: Of the study.
    """
    return [f"{title(one)}: {one.reason}{f' {one.outcome.sentence}' if one.outcome else ''}" for one in result.causes]


def title(one: CauseResult) -> str:
    """A cause in words; its name where it belongs to a package that is not installed here."""
    return title_of(one.name)


def title_of(name: str) -> str:
    """The title of the cause of this name; the name where there is none."""
    return causes[name].title if name in causes else name


def _cells(one: CauseResult) -> list[str]:
    behind = ", ".join(causes[name].title for name in one.behind if name in causes)
    answer = one.outcome.answer if one.outcome else "not made" if one.counter else "none here"
    return [title(one), one.level, f"{one.score:.0%}" if one.level == "likely" else "–", behind, answer]
