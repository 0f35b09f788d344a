"""Effective rank: over how many directions a layer spreads its features."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, check_features


def effective_rank(features: Tensor, *, centre: bool = True) -> float:
    """Exponential of the entropy of the singular values, exp(−Σ p_i log p_i), p_i = σ_i / Σ σ.

    Reference: Roy & Vetterli (2007), The effective rank: a measure of effective dimensionality,
    EUSIPCO, Definition 1.

    Args:
        features: (n, d).
        centre: The mean is taken off first, so that an offset does not count as a direction; False is
            the paper's definition for the matrix as it stands.

    Returns:
        From 1 to min(n, d).

    Raises:
        BadSpec: Shapes, or values, that cannot be used, or features that are all equal.

    Example:
        >>> round(effective_rank(torch.eye(4), centre=False), 6)
        4.0
    """
    check_features("features", features)
    x = as_float64(features)
    s = torch.linalg.svdvals(x - x.mean(0) if centre else x)
    if not float(s.sum()) > 0:
        raise BadSpec("Features must differ. All rows are equal; look for a dead layer.")
    p = s / s.sum()
    return float(torch.exp(-torch.xlogy(p, p).sum()))
