"""A ranking as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.rank.result import Agreement, Candidate, JudgedRanking
from tltk.results.text import NONE, columns, number, span


def lines(found: JudgedRanking) -> Iterator[str]:
    """The lines that the shell prints."""
    names, by = list(found.marks), found.by
    rows = [
        [
            place_in_words(row.places.get(by)) or NONE,
            f"{row.backbone}@{row.weights}",
            *(number(row.scores.get(name)) for name in names),
            span(*row.interval.get(by, (None, None))),
            number(row.trained, "%"),
        ]
        for row in found.rows
    ]
    yield from columns(["place", "candidate", *names, f"{by}, 95%", "trained"], rows)
    yield found.order
    for row in found.rows:
        for text in _remarks(row, by):
            yield f"{row.backbone}@{row.weights}: {text}"
    yield found.trained_is
    for name, mark in found.marks.items():
        if isinstance(mark, Agreement):
            yield (
                f"{name}: weighted τ {mark.tau:.2f} (95% {mark.lo:.2f} … {mark.hi:.2f}, p = {mark.p:.2g}) "
                f"over {mark.n} trained candidates, regret {mark.regret:.1f} points"
            )


def _remarks(row: Candidate, by: str) -> list[str]:
    """Why scores could not be computed, and notes; those of the score that orders are in the sentence on the order."""
    if not row.scores:
        return list(dict.fromkeys(row.why.values()))
    texts = {**row.why, **row.notes}
    return [f"{name}: {text}" for name, text in texts.items() if name != by or name in row.why]


def place_in_words(ends: tuple[int, int] | None) -> str:
    """1, or 1–3 where these cannot be told apart; empty where there is none."""
    if ends is None:
        return ""
    best, worst = ends
    return f"{best}" if best == worst else f"{best}–{worst}"
