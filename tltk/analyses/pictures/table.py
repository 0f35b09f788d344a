"""Some test pictures, as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.pictures.result import PicturesResult


def lines(found: PicturesResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield f"{len(found.index):,} of {found.test:,} test examples, in this order on pictures.png of the run's folder:"
    for number, (index, label) in enumerate(zip(found.index, found.labels, strict=True)):
        yield f"{index:8,}  {found.classes[label]}" + (f": {found.texts[number]}" if found.texts else "")
