"""Symmetric Kullback–Leibler divergence of two Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair


def symmetric_kl(source: Tensor, target: Tensor, *, ridge: float = 0.01) -> Tensor:
    """KL(S‖T) + KL(T‖S) of the fitted Gaussians (Jeffreys' divergence).

    ½ [tr(C_T⁻¹C_S + C_S⁻¹C_T) − 2d + δᵀ(C_S⁻¹ + C_T⁻¹)δ], δ = μ_S − μ_T, C = covariance + λI,
    λ = ridge · mean variance of a feature over both domains, without which it is infinite for n ≤ d.

    Reference: Kullback & Leibler (1951), On information and sufficiency, Annals of Mathematical
    Statistics 22, the divergence J(1, 2).

    Args:
        source: (n, d).
        target: (m, d).
        ridge: λ in units of the mean variance; 0 = none.

    Returns:
        Scalar, not negative; 0 for a sample against itself. In nats.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or a covariance without an inverse.

    Example:
        >>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)  # variance 2
        >>> round(float(symmetric_kl(x, x + 2, ridge=0.0)), 6)  # 2² / 2
        2.0
    """
    check_pair(source, target)
    _, (s, t) = split_scale(as_float64(source), as_float64(target))  # it does not change with their scale
    d = s.shape[1]
    cov_s, cov_t = torch.cov(s.mT).reshape(d, d), torch.cov(t.mT).reshape(d, d)
    eye = torch.eye(d, dtype=s.dtype, device=s.device)
    floor = ridge * (cov_s.trace() + cov_t.trace()) / (2 * d) * eye
    cov_s, cov_t = cov_s + floor, cov_t + floor
    root_s, fault_s = torch.linalg.cholesky_ex(cov_s)
    root_t, fault_t = torch.linalg.cholesky_ex(cov_t)
    if bool(fault_s) or bool(fault_t):
        raise BadSpec(
            f"The covariances must have an inverse. With {len(s)} and {len(t)} samples of {d} features and "
            f"ridge={ridge} they have none; raise the ridge or take more samples."
        )
    gap = (s.mean(0) - t.mean(0))[:, None]
    traces = torch.cholesky_solve(cov_s, root_t).trace() + torch.cholesky_solve(cov_t, root_s).trace()
    means = gap.mT @ (torch.cholesky_solve(gap, root_s) + torch.cholesky_solve(gap, root_t))
    return rescale("symmetric_kl", (traces - 2 * d + means.squeeze()) / 2, 1.0, 0, source.dtype)
