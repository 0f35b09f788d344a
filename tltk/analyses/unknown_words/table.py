"""Unknown words, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.unknown_words.result import UnknownWordsResult
from tltk.data.names import escape_text
from tltk.results.text import columns


def lines(found: UnknownWordsResult) -> Iterator[str]:
    """The sentence, then a line for each class with the words that are met most often.

    Args:
        found: Of the question.
    """
    yield escape_text(found.sentence)
    yield f"{found.texts:,} texts, {found.words:,} words; {found.vectors:,} words have a vector ({found.width} wide)."
    rows = [
        [escape_text(one.name), f"{one.words:,}", f"{one.unknown:,}", f"{one.share:.1%}", f"{one.by_form:,}"]
        for one in found.classes
    ]
    yield from columns(["class", "words", "unknown", "share", "by a simpler form"], rows)
    for one in found.classes:
        often = ", ".join(f"{word.word} ({word.n:,})" for word in one.most)
        if often:
            yield escape_text(f"most often in {one.name}: {often}")
