"""Sliced Wasserstein distance."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, rescale, split_scale
from tltk.shift import check_pair


def sliced_wasserstein(source: Tensor, target: Tensor, *, projections: int = 128, p: int = 2, seed: int = 0) -> Tensor:
    """Wasserstein distance of one-dimensional projections, (mean_θ W_p(θᵀX, θᵀY)^p)^(1/p).

    In one dimension W_p^p = ∫₀¹ |F⁻¹(u) − G⁻¹(u)|^p du, exact for samples of unequal size too.

    Reference: Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters, J. Mathematical Imaging
    and Vision 51, §3.

    Args:
        source: (n, d).
        target: (m, d).
        projections: Directions θ, uniform on the sphere.
        p: Order, 1 or 2.
        seed: Of the directions; the same ones on every device.

    Returns:
        Scalar, not negative; 0 for a sample against itself.

    Raises:
        BadSpec: Shapes, values, or an order, that cannot be meant, or a value that the dtype cannot hold.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [5.0]])
        >>> float(sliced_wasserstein(x, x + 2))
        2.0
    """
    check_pair(source, target, least=1)
    if p not in (1, 2) or projections < 1:
        raise BadSpec(f"p must be 1 or 2, with a projection at least. Got p={p}, projections={projections}.")
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(source.shape[1], projections, generator=generator, dtype=torch.float64)
    theta = (theta / theta.norm(dim=0)).to(source)
    scale, (s, t) = split_scale(source, target)
    x, y = (s @ theta).sort(0).values, (t @ theta).sort(0).values
    at_x, at_y, width = _steps(len(x), len(y), source)
    gap = as_float64((x[at_x] - y[at_y]).abs() ** p)
    mean = (gap * width[:, None]).sum(0).mean()
    value = mean ** (1 / p) if p > 1 and bool(mean > 0) else mean
    return rescale("sliced_wasserstein", value, scale, 1, source.dtype)


def _steps(n: int, m: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Intervals of u ∈ (0, 1) on which both quantile functions are constant: their rows and widths."""
    # In units of 1/nm the breakpoints i/n and j/m are integers, so equal ones meet exactly.
    ends = torch.unique(torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]))
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    width = ((ends - starts).double() / (n * m)).to(as_float64(like[:0]).dtype).to(like.device)
    return (starts // m).to(like.device), (starts // n).to(like.device), width
