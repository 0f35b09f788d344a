"""How good was a ranking? Weighted Kendall τ with an interval, and regret in points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tltk.errors import BadSpec


def weighted_tau(scores: Sequence[float], accuracies: Sequence[float]) -> float:
    """Weighted Kendall τ: agreement of two rankings, in which the top counts most.

    τ_r = Σ_{i<j} s_ij t_ij w_ij / √(Σ s_ij² w_ij · Σ t_ij² w_ij), s and t the signs of the differences,
    w_ij = 1/(r_i + 1) + 1/(r_j + 1), r = 0 for the best; the mean of τ_r with r by scores (ties by
    accuracies) and with r by accuracies (ties by scores).

    Reference: Vigna (2015), A weighted correlation index for rankings with ties, WWW, with additive
    hyperbolic weights, arXiv:1404.3325.

    Args:
        scores: One per backbone.
        accuracies: What training gave, one per backbone.

    Returns:
        From −1 to 1; NaN where all scores, or all accuracies, are equal.

    Raises:
        BadSpec: Lengths that do not fit, fewer than two backbones, or NaN.

    Example:
        >>> weighted_tau([3.0, 2.0, 1.0], [90.0, 80.0, 70.0])
        1.0
    """
    x, y = _checked(scores, accuracies)
    return (_tau(x, y, _ranks(x, y)) + _tau(x, y, _ranks(y, x))) / 2


def tau_interval(
    scores: Sequence[float],
    accuracies: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap of `weighted_tau` over backbones; with ten of them it is wide, and says so.

    Reference: Efron & Tibshirani (1993), An introduction to the bootstrap, ch. 13.

    Raises:
        BadSpec: As `weighted_tau`, or every resample is one tie.
    """
    x, y = _checked(scores, accuracies)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randint(len(x), (resamples, len(x)), generator=generator)
    taus = torch.tensor([weighted_tau(x[i].tolist(), y[i].tolist()) for i in draws], dtype=torch.float64)
    taus = taus[~taus.isnan()]
    if not len(taus):
        raise BadSpec("The interval needs scores, and accuracies, that differ. All are equal.")
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    lo, hi = torch.quantile(taus, edges).tolist()
    return lo, hi


def regret(scores: Sequence[float], accuracies: Sequence[float]) -> float:
    """Points lost by taking the backbone with the highest score; the mean over those that share it.

    Example:
        >>> regret([0.9, 0.5, 0.1], [70.0, 72.5, 60.0])
        2.5
    """
    x, y = _checked(scores, accuracies)
    return float(y.max() - y[x == x.max()].mean())


def _checked(scores: Sequence[float], accuracies: Sequence[float]) -> tuple[Tensor, Tensor]:
    x, y = torch.tensor(scores, dtype=torch.float64), torch.tensor(accuracies, dtype=torch.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2 or bool((x + y).isnan().any()):
        raise BadSpec(
            f"A ranking needs a score and an accuracy, both numbers, for each of two backbones or more. Got "
            f"{len(scores)} and {len(accuracies)}; leave out backbones without either."
        )
    return x, y


def _ranks(first: Tensor, second: Tensor) -> Tensor:
    """0 for the largest `first`; ties by the larger `second`."""
    order = second.argsort(descending=True, stable=True)
    order = order[first[order].argsort(descending=True, stable=True)]
    return torch.empty_like(first).scatter_(0, order, torch.arange(len(first), dtype=first.dtype))


def _tau(x: Tensor, y: Tensor, rank: Tensor) -> float:
    weight = 1 / (rank + 1)
    pair = weight[:, None] + weight[None]  # the diagonal's signs are 0, and every pair counts twice
    s, t = (x[:, None] - x[None]).sign(), (y[:, None] - y[None]).sign()
    norm = ((s * s * pair).sum() * (t * t * pair).sum()).sqrt()
    return float((s * t * pair).sum() / norm)
