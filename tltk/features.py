"""What every measure over features asks of them first, and the digits that it computes with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tltk.errors import BadSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def check_features(name: str, x: Tensor, least: int = 2) -> None:
    """`x` is a finite floating (n, d) tensor of at least so many rows.

    Args:
        name: The tensor as error sentences name it.
        x: Features, (n, d).
        least: Fewest rows.

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


def split_scale(*parts: Tensor) -> tuple[float, tuple[Tensor, ...]]:
    """The power of two at or below the largest entry of all parts, and the parts divided by it.

    Squares of entries overflow float32 from 1e19 on and vanish below 1e-23. A power of two costs no digit.

    Example:
        >>> import torch
        >>> scale, (x,) = split_scale(torch.tensor([3.0, -5.0]))
        >>> scale, x.tolist()
        (4.0, [0.75, -1.25])
    """
    import torch  # here: listing names of measures must stay light

    largest = max(float(x.detach().abs().max()) if x.numel() else 0.0 for x in parts)
    if largest == 0:
        return 1.0, parts
    least = 4 * torch.finfo(parts[0].dtype).tiny  # of which the inverse can be held too
    scale = max(2.0 ** (math.frexp(largest)[1] - 1), least)
    return scale, tuple(x / scale for x in parts)


def rescale(name: str, value: Tensor, scale: float, power: int, dtype: torch.dtype) -> Tensor:
    """`value` × scaleᵖᵒʷᵉʳ in this dtype.

    Args:
        name: Of what was measured, for the sentence.
        value: Scalar, of features that were divided by `scale`.
        scale: From `split_scale`.
        power: How the measure grows with the scale of the features.
        dtype: Of the features as they came.

    Returns:
        Scalar.

    Raises:
        BadSpec: The number is too large for the dtype, or too small though it is not 0.
    """
    found = value
    for _ in range(power):
        found = found * scale
    found = found.to(dtype)
    if not bool(found.isfinite()) or (bool(found == 0) and bool(value != 0)):
        raise BadSpec(
            f"{name} must be a number that {str(dtype).removeprefix('torch.')} can hold. With features as large as "
            f"{scale:.3g} it is not; divide all features by one number first, or look for a diverged layer."
        )
    return found


def as_float64(x: Tensor) -> Tensor:
    """`x` in float64 where the device has it: differences of near-equal sums and inverses need the digits.

    Args:
        x: Floating, of any shape.
    """
    return x if x.device.type == "mps" else x.double()
