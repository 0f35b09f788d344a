"""Features made small enough to look at, and numbers that say what was kept.

`pca` and `align` give coordinates; `cka`, `effective_rank`, `knn_accuracy` and `trustworthiness`
give one number for a layer, a pair of layers, or an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tltk.errors import BadSpec
from tltk.features import check_features

if TYPE_CHECKING:
    from torch import Tensor


def check_rows(x: Tensor, y: Tensor, least: int = 2) -> None:
    """Both are features of the same samples: as many rows, in one order.

    Args:
        x: Features, (n, d).
        y: Features of the same samples, (n, e).
        least: Fewest rows.

    Raises:
        BadSpec: Says what does not fit.
    """
    check_features("x", x, least)
    check_features("y", y, least)
    if len(x) != len(y):
        raise BadSpec(f"x and y must be of the same samples. Got {len(x)} and {len(y)} rows.")
