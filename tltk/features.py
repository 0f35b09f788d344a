"""What every measure over features asks of them first, and the digits that it computes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tltk.errors import BadSpec

if TYPE_CHECKING:
    from torch import Tensor


def check_features(name: str, x: Tensor, least: int = 2) -> None:
    """`x` is a finite floating (n, d) tensor of at least so many rows.

    Raises:
        BadSpec: Names what does not fit, and its shape.
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


def wide(x: Tensor) -> Tensor:
    """`x` in float64 where the device has it: differences of near-equal sums and inverses need the digits."""
    return x if x.device.type == "mps" else x.double()
