"""A ranking as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tltk.results.text import columns, number, span


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that the shell prints."""
    names, by = list(found["marks"]), found["by"]
    rows = [
        [
            _place(r["places"].get(by)),
            f"{r['backbone']}@{r['weights']}",
            *(number(r["scores"].get(n), "") for n in names),
            span(*r["interval"].get(by, (None, None))),
            number(r["trained"], "%"),
        ]
        for r in found["rows"]
    ]
    yield from columns(["place", "candidate", *names, f"{by}, 95 %", "trained"], rows)
    yield (found["order"])
    for row in found["rows"]:
        said = (
            list(dict.fromkeys(row["why"].values()))
            if not row["scores"]
            else [
                f"{name}: {why}"
                for name, why in {**row["why"], **row["notes"]}.items()
                if name != by or name in row["why"]
            ]
        )
        for text in said:
            yield (f"{row['backbone']}@{row['weights']}: {text}")
    yield (found["trained_is"])
    for name, mark in found["marks"].items():
        if isinstance(mark, dict):
            yield (
                f"{name}: weighted τ {mark['tau']:.2f} (95 % {mark['lo']:.2f} … {mark['hi']:.2f}, p = {mark['p']:.2g}) "
                f"over {mark['n']} trained candidates, regret {mark['regret']:.1f} points"
            )


def _place(ends: Sequence[int] | None) -> str:
    """1, or 1–3 where these cannot be told apart."""
    if ends is None:
        return "–"
    best, worst = ends
    return f"{best}" if best == worst else f"{best}–{worst}"
