"""Classes named from their names, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.zero_shot_text.result import ZeroShotTextResult
from tltk.results.text import columns, number


def lines(found: ZeroShotTextResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield found.sentence
    yield from columns(
        ["class", "pictures", "right", "taken for"],
        [[one.name, f"{one.n:,}", number(one.accuracy, "%"), one.taken_for or "–"] for one in found.classes],
    )
    yield from found.remarks
