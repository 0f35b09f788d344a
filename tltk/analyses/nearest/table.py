"""The nearest training examples, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk import data
from tltk.analyses.nearest.result import NearestResult
from tltk.data.names import escape_text
from tltk.results.text import NONE, align_left, write_csv

PICTURES, NEIGHBOURS = 30, 3  # that are printed


def lines(found: NearestResult) -> Iterator[str]:
    """A line for each example with its nearest training examples.

    Args:
        found: Of the question.
    """
    noun = data.noun_of(found.domain, found.backbone)
    yield (
        f"Among {found.n:,} training {noun} of {escape_text(found.domain)}, by {found.distance} distance at "
        f"{found.layer_name}:"
    )
    rows = [[noun[:-1], "taken for", "neighbours of it", f"nearest training {noun}"]]
    for one in found.pictures[:PICTURES]:
        near = ", ".join(f"{n.name} ({n.label}, {n.distance:.4f})" for n in one.neighbours[:NEIGHBOURS])
        said = NONE if one.probability is None else f"{one.predicted} {one.probability:.3f}"
        rows.append([one.name, said, NONE if one.agree is None else f"{one.agree:.0%}", near])
    yield from map(escape_text, align_left(rows))
    if len(found.pictures) > PICTURES:
        yield f"… and {len(found.pictures) - PICTURES:,} more; --csv FILE writes them all."
    rows_are = "The first one is a row" if found.shown == 1 else f"The first {found.shown} are a row each"
    yield f"{rows_are} on pictures.png of the run's folder; --png FILE writes it."
    for skipped in found.skipped[:PICTURES]:
        yield escape_text(f"not read  {skipped.name}: {skipped.reason}")
    yield from map(escape_text, found.remarks)


def as_csv(found: NearestResult) -> str:
    """The list, a line for each example and neighbour.

    Args:
        found: Of the question.
    """
    noun = data.noun_of(found.domain, found.backbone)
    head = [noun[:-1], "predicted", "probability", "rank", "neighbour", "index", "label", "distance"]
    rows = [
        [one.name, one.predicted, one.probability, rank, near.name, near.index, near.label, near.distance]
        for one in found.pictures
        for rank, near in enumerate(one.neighbours, 1)
    ]
    return write_csv(head, rows)
