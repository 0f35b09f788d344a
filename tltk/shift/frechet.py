"""Fréchet distance of two Gaussians, as in FID."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair


def frechet(source: Tensor, target: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of the fitted Gaussians.

    ‖μ_S − μ_T‖² + tr(C_S + C_T − 2 (C_S C_T)^½), C with n − 1.

    Reference: Dowson & Landau (1982), J. Multivariate Analysis 12; Heusel et al. (2017), NIPS, §3
    (FID), arXiv:1706.08500.

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        Scalar, not negative but for rounding. It grows as samples get fewer: read it beside its null.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or a value that the dtype cannot hold.

    Example:
        >>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
        >>> round(float(frechet(x, 3 * x + 5)), 6)  # 5² + (√2 − 3√2)²
        33.0
    """
    check_pair(source, target)
    scale, (s, t) = split_scale(as_float64(source), as_float64(target))
    mean_s, root_s = _mean_and_root(s)
    mean_t, root_t = _mean_and_root(t)
    # C = RᵀR, and tr (C_S C_T)^½ = Σ singular values of R_S R_Tᵀ: no square root of a singular matrix.
    cross: Tensor = torch.linalg.svdvals(root_s @ root_t.mT).sum()
    spread = root_s.square().sum() + root_t.square().sum() - 2 * cross
    return rescale("frechet", (mean_s - mean_t).square().sum() + spread, scale, 2, source.dtype)


def _mean_and_root(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(0)
    root: Tensor = torch.linalg.qr((x - mean) / math.sqrt(len(x) - 1)).R
    return mean, root
