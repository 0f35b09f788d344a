"""Predictions, as the shell prints them."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.predict.result import PredictResult
from tltk.data.fit import Change, describe
from tltk.data.names import escape_text
from tltk.results.text import align_left
from tltk.specs.nouns import counted, noun_of

SHOWN = 50  # lines of pictures, and of files that were not read


def lines(found: PredictResult) -> Iterator[str]:
    """A line for each of the first pictures, the files that were not read, counts by class, and how fast it was.

    Args:
        found: Of the question.
    """
    noun, known = noun_of(found.backbone), bool(found.labels)
    rows = [[noun[:-1], "class", "probability", *(["is"] if known else [])]]
    for i in range(min(SHOWN, len(found.names))):
        row = [found.names[i], found.classes[found.predicted[i]], f"{found.probability[i]:.3f}"]
        rows.append([*row, *([found.labels[i]] if known else [])])
    yield from map(escape_text, align_left(rows))
    if len(found.names) > SHOWN:
        yield f"… and {len(found.names) - SHOWN:,} more; --csv FILE or --jsonl FILE writes them all."
    yield ""
    counts = [found.predicted.count(c) for c in range(len(found.classes))]
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    told = [f"{found.classes[c]} {counts[c]:,}" for c in order if counts[c]]
    yield escape_text(f"{counted(len(found.names), noun)}: {', '.join(told[:12])}{' …' if len(told) > 12 else ''}.")
    for one in found.skipped[:SHOWN]:
        yield escape_text(f"not read  {one.name}: {one.reason}")
    if len(found.skipped) > SHOWN:
        yield f"… and {len(found.skipped) - SHOWN:,} more that were not read; --json names them all."
    change = Change(found.cropped, found.empty, found.stretched)
    if change != Change():
        yield describe(change, found.fit, found.size)
    yield from map(escape_text, found.remarks)
    yield (
        f"{len(found.names) / max(found.seconds, 1e-9):,.0f} {noun} per second, in the network alone "
        f"{len(found.names) / max(found.network_seconds, 1e-9):,.0f}, on {found.device} in {found.precision}."
    )
