"""The rates that were found, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.find_rate.result import FindRateResult
from tltk.results.text import columns, number


def lines(found: FindRateResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield from columns(
        ["what learns", "begin with", "falls fastest", "least loss"],
        [[c.group, number(c.suggested), number(c.steepest), number(c.minimum)] for c in found.curves],
    )
    for curve in found.curves:
        if curve.why:
            yield f"{curve.group}: {curve.why}"
    yield f"{found.optimizer}, {found.batch_size} of {found.n:,} examples a step; with other ones, other rates."
