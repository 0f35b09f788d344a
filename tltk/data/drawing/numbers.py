"""Random numbers as settings of a picture. No torch at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
MAX_TURN_DEGREES, MIRRORED_SHARE = (
    30.0,
    0.25,
)  # degrees by which figures turn at most, and share of them in a mirror: which way up matters


def interpolate(low: Any, high: Any, u: Floats) -> Floats:
    """u from 0 … 1 to low … high.

    Args:
        low: Result at u = 0; a number or an array that broadcasts with `u`.
        high: Result at u = 1, likewise.
        u: Shares in 0 … 1, of any shape.
    """
    scaled: Floats = low + (high - low) * u
    return scaled


def expand_dims(values: NDArray[Any], ndim: int = 3) -> Tensor:
    """One number per picture (and channel) as float32, to go with pictures of `ndim` axes."""
    import torch

    tensor = torch.as_tensor(values, dtype=torch.float32)
    return tensor.reshape(tensor.shape + (1,) * (ndim - tensor.ndim))


def pose(turn: Floats, flip: Floats) -> tuple[Floats, Floats]:
    """Angles within `MAX_TURN_DEGREES`, in radians, and -1 for a mirrored figure, else 1."""
    return np.deg2rad(interpolate(-MAX_TURN_DEGREES, MAX_TURN_DEGREES, turn)), np.where(
        flip < MIRRORED_SHARE, -1.0, 1.0
    )
