"""A profile as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tltk.results.text import columns, number


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that the shell prints."""
    figures = found["columns"]
    rows = [
        [name, *(number(c["values"][i], c["unit"], c["p_bh"][i] if c.get("p_bh") else None) for c in figures)]
        for i, name in enumerate(found["names"])
    ]
    yield from columns(["layer", *(c["name"] for c in figures)], rows)
    if found["tests"]:
        yield ("* p ≤ .05 against permuted domains; of several tests, after Benjamini and Hochberg's correction")
        yield (found["correction"])
    for text in (found["drawn"], *(f"{name}: {why}" for name, why in found["why"].items())):
        if text:
            yield (text)
    if found["within"]:
        sizes = [n for its in found["within"].values() for n in its.values()]
        yield (f"within classes: {len(found['within'])} classes, {min(sizes)} to {max(sizes)} pictures of each")
