"""An embedding as text: its quality, since coordinates are to be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tltk.results.text import columns, number


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that the shell prints."""
    rows = [
        [f["name"], f["weights"] or "-", *(number(f[k], "") for k in ("trustworthiness", "hit", "mixing"))]
        for f in found["frames"]
    ]
    yield from columns(["layer", "weights", "trustworthiness", "neighbourhood hit", "domain mixing"], rows)
    yield ("The coordinates are in the run's result.json; --json prints them.")
