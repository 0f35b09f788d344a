"""Procrustes alignment, so that a film through layers or epochs does not jump."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tltk.features import as_float64
from tltk.reduce import check_rows


def align(moving: Tensor, fixed: Tensor, *, scale: bool = False) -> Tensor:
    """`moving`, rotated or mirrored and shifted to lie as near as can be to `fixed`.

    R = UVᵀ with UΣVᵀ = (X − x̄)ᵀ(Y − ȳ) minimises ‖(X − x̄)R − (Y − ȳ)‖_F over orthogonal R; the result is
    s (X − x̄) R + ȳ with s = 1, or tr Σ / ‖X − x̄‖²_F if scaled. Distances within `moving` are kept, up to s.

    Reference: Schönemann (1966), A generalized solution of the orthogonal Procrustes problem,
    Psychometrika 31; with scale: Gower & Dijksterhuis (2004), Procrustes problems.

    Args:
        moving: (n, k) coordinates.
        fixed: (n, k) coordinates of the same samples.
        scale: Sizes are matched too.

    Returns:
        (n, k).

    Raises:
        BadSpec: Shapes that do not fit.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        >>> turned = x @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]) + 5
        >>> torch.allclose(align(turned, x), x, atol=1e-6)
        True
    """
    check_rows(moving, fixed, 1)
    x, y = as_float64(moving), as_float64(fixed)
    x, target = x - x.mean(0), y.mean(0)
    u, s, vh = torch.linalg.svd(x.mT @ (y - target))
    size = s.sum() / x.square().sum() if scale and bool(x.any()) else 1.0
    aligned: Tensor = size * (x @ (u @ vh)) + target
    return aligned.to(moving.dtype)


def align_all(frames: Sequence[Tensor], *, scale: bool = False) -> list[Tensor]:
    """Each frame aligned with the one before it, which is aligned already; the first stays.

    Args:
        frames: (n, k) coordinates of the same n samples in each, in one order.
        scale: Whether a frame may also be enlarged or reduced.
    """
    aligned = list(frames[:1])
    for frame in frames[1:]:
        aligned.append(align(frame, aligned[-1], scale=scale))
    return aligned
