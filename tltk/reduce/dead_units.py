"""Dead units: those that say the same of every sample."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.features import as_float64, check_features

TOLERANCE = 1e-6


def dead_units(features: Tensor) -> float:
    """Share of units whose value is the same for all samples.

    Mean over j of 1[max_i x_ij − min_i x_ij ≤ 10⁻⁶ max_ij |x_ij|]: constant up to rounding, at zero or elsewhere.

    Reference: Lu et al. (2019), Dying ReLU and initialization: theory and numerical examples,
    arXiv:1903.06733 (a dead unit is one whose output is constant).

    Args:
        features: (n, d), two samples or more.

    Returns:
        From 0 to 1.

    Raises:
        BadSpec: Shapes, or values, that cannot be used.

    Example:
        >>> dead_units(torch.tensor([[0.0, 1.0, 5.0, 2.0], [0.0, 2.0, 5.0, -2.0]]))
        0.5
    """
    check_features("features", features)
    low, high = (as_float64(v) for v in torch.aminmax(features.detach(), dim=0))
    largest = torch.maximum(low.abs(), high.abs()).max()
    return float((high - low <= TOLERANCE * largest).double().mean())
