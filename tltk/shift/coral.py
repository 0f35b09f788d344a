"""CORAL: the distance of two covariances."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the covariances, 1/(4d²) ‖C_S − C_T‖²_F.

    C = (XᵀX − (1ᵀX)ᵀ(1ᵀX)/n) / (n − 1). There is no mean term: a plain offset gives 0.

    Reference: Sun & Saenko (2016), Deep CORAL, ECCV Workshops, eq. 1–3, arXiv:1607.01719.

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        Scalar, not negative.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or a value that the dtype cannot hold.

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])  # variance 2
        >>> float(coral(x, 2 * x))  # (2 − 8)² / 4
        9.0
    """
    check_pair(source, target)
    scale, (s, t) = split_scale(as_float64(source), as_float64(target))
    gap = torch.cov(s.mT) - torch.cov(t.mT)
    return rescale("coral", gap.square().sum() / (4 * source.shape[1] ** 2), scale, 4, source.dtype)
