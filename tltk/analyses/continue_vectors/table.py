"""Word vectors before and after, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.continue_vectors.result import ContinueVectorsResult, UnknownShare
from tltk.data.names import escape_text
from tltk.results.text import columns


def lines(found: ContinueVectorsResult) -> Iterator[str]:
    """The lines that the shell prints.

    Args:
        found: Of the question.
    """
    yield escape_text(found.sentence)
    yield (
        f"{found.texts:,} training texts, their labels not looked at; of {found.vectors:,} words with a vector "
        f"({found.width} wide) they say {found.learned:,}; {found.added:,} words were added."
    )
    yield from columns(
        ["vectors", "unknown in test texts", "most often"],
        [_row("before", found.before), _row("after", found.after)],
    )
    yield from columns(
        ["moved most", "said", "cosine", "nearest before", "nearest after"],
        [[escape_text(w.word), f"{w.n:,}", f"{w.cosine:.2f}", *map(_list, (w.before, w.after))] for w in found.moved],
    )
    yield found.verdict.sentence
    yield from found.remarks


def _list(names: list[str]) -> str:
    return escape_text(", ".join(names))


def _row(name: str, found: UnknownShare) -> list[str]:
    return [name, f"{found.unknown:,} of {found.words:,} ({found.share:.1%})", _list(found.most)]
