"""Why two domains differ: the witness function, and who the neighbours are."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import split_scale
from tltk.shift import check_pair
from tltk.shift.kernels import TILE_ROWS, make_kernel, squared_distances


def witness(
    points: Tensor,
    source: Tensor,
    target: Tensor,
    *,
    kernel: str = "multi",
    bandwidth: float | None = None,
) -> Tensor:
    """Witness of the MMD, f(z) = mean_i k(x_i, z) − mean_j k(y_j, z).

    Positive where the source is denser, negative where the target is; the function that tells the two
    apart best among the smooth ones, up to its scale.

    Reference: Gretton et al. (2012), A kernel two-sample test, JMLR 13, §2.3.

    Args:
        points: (q, d), where to evaluate it.
        source: (n, d).
        target: (m, d).
        kernel: As for `mmd`.
        bandwidth: σ; None = median distance of the pooled sample.

    Returns:
        (q,).

    Raises:
        BadSpec: Shapes, or values, that cannot be compared.

    Example:
        >>> x, y = torch.zeros(3, 1), torch.ones(3, 1)
        >>> witness(torch.tensor([[0.0], [1.0]]), x, y, kernel="rbf", bandwidth=1.0)
        tensor([ 0.3935, -0.3935])
    """
    check_pair(source, target, least=1)
    check_pair(points, source, least=1)
    k = make_kernel(kernel, source, target, bandwidth)
    tiles = [_row_means(k(z, source)) - _row_means(k(z, target)) for z in torch.split(points, TILE_ROWS)]
    return torch.cat(tiles)


def most_typical(source: Tensor, target: Tensor, *, count: int = 8) -> tuple[Tensor, Tensor]:
    """Rows of the source that look most like source only, and of the target most like target only.

    Args:
        source: (n, d).
        target: (m, d).
        count: How many of each.

    Returns:
        Row numbers (count,) of the source, highest witness first, and of the target, lowest first.
    """
    f_s, f_t = witness(source, source, target), witness(target, source, target)
    return f_s.topk(min(count, len(f_s))).indices, (-f_t).topk(min(count, len(f_t))).indices


def cross_neighbours(source: Tensor, target: Tensor, *, k: int = 5) -> tuple[Tensor, Tensor]:
    """For each source row the nearest target rows: row numbers (n, k) and distances (n, k).

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        k: Neighbours per row, 1 … m.

    Raises:
        BadSpec: k is not in this range.

    Example:
        >>> rows, distances = cross_neighbours(torch.tensor([[0.0]]), torch.tensor([[9.0], [2.0]]), k=1)
        >>> rows.tolist(), distances.tolist()
        ([[1]], [[2.0]])
    """
    check_pair(source, target, least=1)
    if not 1 <= k <= len(target):
        raise BadSpec(f"k must be between 1 and the {len(target)} target rows. Got {k}.")
    scale, (source, target) = split_scale(source, target)
    found = [squared_distances(x, target).topk(k, largest=False) for x in torch.split(source, TILE_ROWS)]
    return torch.cat([f.indices for f in found]), torch.cat([f.values for f in found]).sqrt() * scale


def mixed_share(source: Tensor, target: Tensor, *, k: int = 10) -> float:
    """Share of samples whose k nearest neighbours, itself left out, hold both domains.

    0: every neighbourhood is of one domain; 1: none is.

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        k: Neighbours per sample, 2 … n + m − 1.

    Raises:
        BadSpec: k is not smaller than the number of samples, or is below 2.

    Example:
        >>> x = torch.arange(4.0)[:, None]
        >>> mixed_share(x, x + 100, k=3)
        0.0
    """
    check_pair(source, target, least=1)
    _, (pooled,) = split_scale(torch.cat([source, target]))
    if not 2 <= k < len(pooled):
        raise BadSpec(f"k must be at least 2 and below the {len(pooled)} samples. Got {k}.")
    domain = torch.arange(len(pooled), device=pooled.device) >= len(source)
    mixed = 0
    for start in range(0, len(pooled), TILE_ROWS):
        d = squared_distances(pooled[start : start + TILE_ROWS], pooled)
        rows = torch.arange(len(d), device=d.device)
        d[rows, rows + start] = torch.inf
        others = domain[d.topk(k, largest=False).indices].sum(1)
        mixed += int(((others > 0) & (others < k)).sum())
    return mixed / len(pooled)


def _row_means(kernel: Tensor) -> Tensor:
    return kernel.mean(1)
