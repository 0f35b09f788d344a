"""An embedding as text: its quality, since coordinates are to be drawn."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.embed.result import EmbedResult
from tltk.results.text import columns, number


def lines(found: EmbedResult) -> Iterator[str]:
    """The lines that the shell prints."""
    rows = [
        [f.name, f.weights or "-", number(f.trustworthiness), number(f.hit), number(f.mixing)] for f in found.frames
    ]
    yield from columns(["layer", "weights", "trustworthiness", "neighbourhood hit", "domain mixing"], rows)
    yield "The coordinates are in the run's result.json; --json prints them."
