"""Which classes are taken for which, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.confusion.result import ConfusionResult
from tltk.results.text import align_left

LISTED = 20  # pairs of classes


def lines(found: ConfusionResult) -> Iterator[str]:
    """How many are right, the pairs of classes that are taken for each other most often, and where two differ."""
    right = sum(row[c] for c, row in enumerate(found.counts))
    noun = data.noun_of(found.domain, found.backbone)
    yield f"{right:,} of {found.n:,} {noun} of {found.domain} ({found.part}) are named right, {right / found.n:.1%}."
    pairs = sorted(
        ((n, c, k) for c, row in enumerate(found.counts) for k, n in enumerate(row) if n and c != k), reverse=True
    )
    if pairs:
        rows = [[found.classes[c], found.classes[k], f"{n:,}"] for n, c, k in pairs[:LISTED]]
        yield from align_left([["is", "taken for", noun], *rows])
    if found.against:
        yield f"{found.lost:,} are wrong here and right by run {found.against}, {found.gained:,} the reverse."
    yield f"{len(found.pictures):,} {noun} lie on pictures.png of the run's folder."
    yield from found.remarks
