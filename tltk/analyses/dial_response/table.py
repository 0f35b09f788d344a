"""The response of measures to dials as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.dial_response.result import DialResponseResult
from tltk.results.text import NONE, columns


def lines(found: DialResponseResult) -> Iterator[str]:
    """The lines that the shell prints."""
    rows = []
    for dial in found.dials:
        first, levels = [found.seen[m][dial.name] for m in found.measures], [str(level) for level in dial.levels]
        rows.append([dial.name, *(NONE if i is None else levels[i] for i in first), levels[-1]])
    alarms = [f"{found.alarms[m]:.0%}" for m in found.measures]
    yield f"at {found.name}: {found.n} examples of each domain; the first setting from which p ≤ .05"
    yield from columns(["dial", *found.measures, "its end"], [*rows, ["not turned: alarms", *alarms, ""]])
    yield found.correction
