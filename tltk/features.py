"""What every measure over features asks of them first, and the digits that it computes with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = NDArray[np.float64]


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


def check_domains(source: Floats, target: Floats) -> None:
    """Both are finite matrices of as many columns, with two rows at least.

    Args:
        source: (n, d).
        target: (m, d).

    Raises:
        BadSpec: They are not.
    """
    shapes = f"{source.shape} and {target.shape}"
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1] or min(len(source), len(target)) < 2:
        raise BadSpec(f"Source and target must be (n, d) and (m, d), n and m at least 2. Got {shapes}.")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise BadSpec("Features must be finite. Got NaN or infinity; look for a diverged layer.")


def median_distance(x: Floats) -> float:
    """The median distance between two rows; 1 where most coincide.

    Args:
        x: (n, d).
    """
    from scipy.spatial.distance import pdist

    return float(np.median(pdist(x))) or 1.0


def gaussian(x: Floats, y: Floats, width: float) -> Floats:
    """exp(−‖x_i − y_j‖² / 2σ²), (n, m).

    Args:
        x: (n, d).
        y: (m, d).
        width: σ.
    """
    from scipy.spatial.distance import cdist

    found: Floats = np.exp(-cdist(x, y, "sqeuclidean") / (2 * width**2))
    return found
