"""Features made small enough to look at, and numbers that say what was kept.

`pca` and `align` give coordinates; `cka`, `effective_rank`, `knn_accuracy` and `trustworthiness`
give one number for a layer, a pair of layers, or an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tltk.errors import BadSpec

if TYPE_CHECKING:
    from torch import Tensor


def check_features(name: str, x: Tensor, least: int = 2) -> None:
    """`x` is a finite floating (n, d) tensor of at least so many rows.

    Raises:
        BadSpec: Says what does not fit.
    """
    if x.ndim != 2 or x.shape[1] < 1 or not x.is_floating_point():
        raise BadSpec(
            f"{name} must be a floating (n, d) tensor. Got shape {tuple(x.shape)} of {x.dtype}; flatten or "
            f"pool it first."
        )
    if x.shape[0] < least:
        raise BadSpec(f"{name} must have at least {least} rows. Got {x.shape[0]}; give it more samples.")
    if not bool(x.isfinite().all()):
        raise BadSpec(f"{name} must be finite. Got NaN or infinity; look for a diverged layer.")


def check_rows(x: Tensor, y: Tensor, least: int = 2) -> None:
    """Both are features of the same samples: as many rows, in one order.

    Raises:
        BadSpec: Says what does not fit.
    """
    check_features("x", x, least)
    check_features("y", y, least)
    if len(x) != len(y):
        raise BadSpec(f"x and y must be of the same samples. Got {len(x)} and {len(y)} rows.")


def wide(x: Tensor) -> Tensor:
    """`x` in float64 where the device has it."""
    return x if x.device.type == "mps" else x.double()
