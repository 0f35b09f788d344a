"""Neighbours layer by layer, as the shell prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tltk.analyses.neighbours.result import Near, NeighboursResult
from tltk.results.text import align_left


def lines(found: NeighboursResult) -> Iterator[str]:
    """A row for each layer: of which classes the neighbours are, in either domain."""
    yield f"{found.name} ({found.label}) and its nearest training examples:"
    both = bool(found.source)
    head = ["layer", f"in {found.target}", *([f"in {found.source}"] if both else [])]
    rows = [[one.name, in_classes(one.target), *([in_classes(one.source)] if both else [])] for one in found.layers]
    yield from align_left([head, *rows])


def in_classes(near: Sequence[Near]) -> str:
    """`cat 5, dog 3`: the classes of some neighbours, the commonest first."""
    return ", ".join(f"{label} {n}" for label, n in Counter(one.label for one in near).most_common(3))
