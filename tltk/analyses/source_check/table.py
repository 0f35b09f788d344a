"""A check of a source network as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.source_check.result import SourceCheckResult
from tltk.results.text import columns, number


def lines(found: SourceCheckResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield found.sentence
    yield ""
    yield "MMD² of source and target by layer; a star: beyond chance, over all layers at once"
    rows = [
        [one.name, number(one.mmd, p=one.p_holm), number(one.null_hi), number(one.within, p=one.within_p_holm)]
        for one in found.layers
    ]
    yield from columns(["layer", "mmd", "by chance up to", "within classes"], rows)
    yield ""
    yield "What plain attributes tell of the source's labels, and of the network's errors on the target"
    rows = [
        [a.name, number(a.source_right / found.source_n, "%"), f"{a.agree} of {a.wrong}", number(a.expected)]
        for a in found.attributes
    ]
    yield from columns(["attribute", "source", "same error", "by chance"], rows)
    if found.drawn:
        yield found.drawn
