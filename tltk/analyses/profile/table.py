"""A profile as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.profile.result import ProfileResult
from tltk.results.text import columns, number


def lines(found: ProfileResult) -> Iterator[str]:
    """The lines that the shell prints."""
    rows = [
        [name, *(number(c.values[i], c.unit, c.p_bh[i] if c.p_bh else None) for c in found.columns)]
        for i, name in enumerate(found.names)
    ]
    yield from columns(["layer", *(c.name for c in found.columns)], rows)
    if found.tests:
        yield "* p ≤ .05 against permuted domains; of several tests, after Benjamini and Hochberg's correction"
        yield found.correction
    if found.drawn:
        yield found.drawn
    for name, why in found.why.items():
        yield f"{name}: {why}"
    if found.within:
        sizes = [n for its in found.within.values() for n in its.values()]
        yield f"within classes: {len(found.within)} classes, {min(sizes)} to {max(sizes)} examples of each"
