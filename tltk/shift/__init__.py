"""How far is the target from the source? One measure a file.

`tltk/shift/mmd.py` holds `mmd(source, target)`, and so on: features (n, d) and (m, d) in, one scalar
tensor out, differentiable where the formula is, so that a measure serves as a training term too.
`null` says how large a value chance alone gives; `kernels`, `permutation` and `witness` serve them;
`class_mmd` and `bbse` need labels beside the features, so they are called by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tltk.errors import BadSpec
from tltk.features import check_features
from tltk.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

measures: Registry[Callable[..., Tensor]] = Registry(
    "shift measure",
    "tltk.shift",
    lambda name: name,
    group="tltk.measures",
    skip=("multiple", "null", "permutation", "kernels", "witness", "class_mmd", "bbse"),
)


def check_pair(source: Tensor, target: Tensor, least: int = 2) -> None:
    """Both are finite floating matrices with the same number of columns.

    Args:
        source: (n, d).
        target: (m, d).
        least: Rows that each must have.

    Raises:
        BadSpec: Names the side that is wrong, and its shape.
    """
    check_features("source features", source, least)
    check_features("target features", target, least)
    if source.shape[1] != target.shape[1]:
        raise BadSpec(
            f"source and target must have the same number of features. Got {source.shape[1]} and "
            f"{target.shape[1]}; take both from the same layer."
        )
