"""What is in a domain, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.inspect.result import InspectResult
from tltk.data.account import describe_groups, describe_parts
from tltk.data.fit import Change, describe

SHOWN = 6  # texts


def lines(found: InspectResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield f"{found.n:,} {found.noun}, {len(found.classes)} classes; {found.licence}"
    for branch in found.tree:
        classes = f"{branch.classes:,} classes, " if branch.classes else ""
        yield f"{branch.role:8}  {branch.folder}: {classes}{branch.pictures:,} {found.noun}"
    for note in found.notes:
        yield f"note      {note}"
    for name, count in zip(found.classes, found.counts, strict=True):
        yield f"{count:8,}  {name}"
    for name, reason in found.skipped:
        yield f"left out  {name}: {reason}"
    if found.groups is not None:
        yield describe_groups(found.groups, found.noun)
    if found.parts:
        yield describe_parts(found.parts)
    if found.texts:
        yield from (f"{found.noun[:-1]:8}  {text}" for text in found.texts[:SHOWN])
    else:
        yield describe(Change(found.cropped, found.empty, found.stretched), found.fit, found.size)
    for sentence in found.cautions:
        yield f"caution  {sentence}"
