"""The pictures that tell two domains apart: those most typical of one side, with their nearest of the other."""

from __future__ import annotations

from torch import Tensor

from tltk.analyses.two_sample.result import Witness
from tltk.errors import TltkError
from tltk.shift.witness import cross_neighbours, most_typical

SHOWN = 8  # pictures most typical of each side
NEAR = 5  # neighbours from the other side


def witnesses(x: Tensor, y: Tensor) -> dict[str, list[Witness]]:
    """The pictures most typical of each side with their neighbours; none where pictures cannot be told apart.

    Args:
        x: Features of the source, (n, d); its pictures come first on the sheet.
        y: Features of the target, (m, d).

    Returns:
        source and target → pictures, most typical first.
    """
    try:
        only_source, only_target = most_typical(x, y, count=SHOWN)
    except TltkError:
        return {"source": [], "target": []}
    return {
        "source": _with_neighbours(x, y, only_source, 0, len(x)),
        "target": _with_neighbours(y, x, only_target, len(x), 0),
    }


def _with_neighbours(own: Tensor, other: Tensor, rows: Tensor, offset: int, others: int) -> list[Witness]:
    """Pictures with those of the other side that lie nearest, as numbers on the sheet.

    Args:
        own: Features of their side, (n, d).
        other: Features of the other side, (m, d).
        rows: Which of their side they are, (k,).
        offset: Number of their side's first picture on the sheet.
        others: Number of the other side's first picture.
    """
    near, distance = cross_neighbours(own[rows], other, k=min(NEAR, len(other)))
    return [
        Witness(int(row) + offset, [int(i) + others for i in ids], [round(float(d), 4) for d in ds])
        for row, ids, ds in zip(rows, near, distance, strict=True)
    ]
