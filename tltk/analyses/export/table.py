"""What was written, as the shell prints it."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.export.result import ExportResult
from tltk.specs.nouns import PICTURES, ROWS, TEXTS

MADE = {PICTURES: "pictures of noise", TEXTS: "texts of a few words", ROWS: "rows of drawn numbers"}


def lines(result: ExportResult) -> Iterator[str]:
    """A line on the files, one on how they were checked, and the notes.

    Args:
        result: Of the question.
    """
    size = f"{result.bytes / 1e6:.1f} MB" if result.bytes > 1e5 else f"{result.bytes:,} bytes"
    inside = f": {', '.join(result.files)}" if len(result.files) > 1 and result.to != "zip" else ""
    yield f"Wrote {result.file}, {size}{inside}."
    if result.difference is not None:
        far = f"differ by at most {result.difference:.1e} from" if result.difference else "are the very same as"
        yield f"Checked: its {result.answers} of {result.compared} {MADE[result.noun]} {far} tltk's."
    yield from result.notes
