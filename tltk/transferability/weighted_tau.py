"""How good was a ranking? Weighted Kendall τ with an interval and a p-value, and regret in points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec

Z = 1.959963984540054  # the normal distribution's 97.5%
EXACT = 7  # so many candidates have 5,040 orders, which are all looked at
SAMPLED = 1999  # orders that are drawn of more


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
    x, y = _check(scores, accuracies)
    return float(_taus(x, y[None])[0])


def tau_interval(tau: float, n: int) -> tuple[float, float]:
    """95% interval of a τ over n candidates: all τ₀ with |τ − τ₀| ≤ 1.96 √(2 (1 − τ₀²) / n).

    2 (1 − τ²) / n is the largest variance that τ can have, taken at τ₀ as in Wilson's interval of a share, so the
    interval has a width even where the rankings agree throughout: four candidates in the same order leave
    −0.32 … 1. A bootstrap over candidates would say 1 … 1. It is a cautious interval for the weighted τ too
    (it holds in 97 to 100% of simulated rankings of 4 to 20 candidates).

    Reference: Kendall & Gibbons (1990), Rank correlation methods, §4 (the bound); Wilson (1927), JASA 22.

    Args:
        tau: From −1 to 1.
        n: Candidates, two or more.

    Returns:
        Lower and upper bound.

    Raises:
        BadSpec: Numbers that cannot be meant.

    Example:
        >>> [round(v, 2) for v in tau_interval(1.0, 4)]
        [-0.32, 1.0]
    """
    if n < 2 or not -1 - 1e-9 <= tau <= 1 + 1e-9:
        raise BadSpec(f"τ must be from -1 to 1, of two candidates or more. Got {tau} of {n}.")
    tau = min(max(tau, -1.0), 1.0)
    k = 2 * Z**2 / n
    half = math.sqrt(k * (1 - tau * tau) + k * k)
    return max((tau - half) / (1 + k), -1.0), min((tau + half) / (1 + k), 1.0)


def tau_p(scores: Sequence[float], accuracies: Sequence[float]) -> float:
    """The chance of as large a τ, or a larger one, if the scores were dealt out to the candidates at random.

    Of up to seven candidates every order is looked at and p is exact; of more 1,999 orders are drawn, and
    p = (k + 1) / 2000 as in Phipson & Smyth (2010), arXiv:1603.05766.

    Raises:
        BadSpec: As `weighted_tau`.

    Example:
        >>> tau_p([3.0, 2.0, 1.0], [90.0, 80.0, 70.0])  # one of the six orders
        0.16666666666666666
    """
    x, y = _check(scores, accuracies)
    n = len(x)
    if n <= EXACT:
        orders = np.array(list(permutations(range(n))))
    else:
        orders = np.random.default_rng(0).permuted(np.tile(np.arange(n), (SAMPLED, 1)), axis=1)
    found = _taus(x, y[orders]) >= _taus(x, y[None])[0] - 1e-9
    return float(found.mean()) if n <= EXACT else float((found.sum() + 1) / (SAMPLED + 1))


def regret(scores: Sequence[float], accuracies: Sequence[float]) -> float:
    """Points lost by taking the backbone with the highest score; the mean over those that share it.

    Example:
        >>> regret([0.9, 0.5, 0.1], [70.0, 72.5, 60.0])
        2.5
    """
    x, y = _check(scores, accuracies)
    return float(y.max() - y[x == x.max()].mean())


Array = NDArray[Any]


def _check(scores: Sequence[float], accuracies: Sequence[float]) -> tuple[Array, Array]:
    x, y = np.asarray(scores, np.float64), np.asarray(accuracies, np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2 or bool(np.isnan(x).any() or np.isnan(y).any()):
        raise BadSpec(
            f"A ranking needs a score and an accuracy, both numbers, for each of two backbones or more. Got "
            f"{len(scores)} and {len(accuracies)}; leave out backbones without either."
        )
    return x, y


def _taus(x: Array, y: Array) -> Array:
    """τ of x (n,) with each row of y (b, n)."""
    a = np.broadcast_to(np.unique(x, return_inverse=True)[1], y.shape)
    b = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    s, t = (np.sign(v[:, :, None] - v[:, None, :]) for v in (a, b))
    return (_tau(s, t, _ranks(a, b)) + _tau(s, t, _ranks(b, a))) / 2


def _ranks(first: Array, second: Array) -> Array:
    """0 for the largest `first`, ties by the larger `second`: row by row, of places from `np.unique`."""
    key = first.astype(np.int64) * (int(second.max()) + 1) + second
    order = np.argsort(-key, axis=1, kind="stable")
    rank = np.empty(key.shape)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(key.shape[1], dtype=float), key.shape), axis=1)
    return rank


def _tau(s: Array, t: Array, rank: Array) -> Array:
    weight = 1 / (rank + 1)
    pair = weight[:, :, None] + weight[:, None, :]  # the diagonal's signs are 0, and every pair counts twice
    norm = np.sqrt((s * s * pair).sum((1, 2)) * (t * t * pair).sum((1, 2)))
    agreement = (s * t * pair).sum((1, 2))
    found: Array = np.divide(agreement, norm, out=np.full(len(norm), np.nan), where=norm > 0)
    return found
