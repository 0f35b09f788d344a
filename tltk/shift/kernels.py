"""Kernels by Gram product: squared distances, RBF, a mixture of bandwidths, polynomial, random features.

Nothing here builds (n, m, d) differences, and sums run over tiles, so memory stays bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import as_float64, split_scale

Kernel = Callable[[Tensor, Tensor], Tensor]
KERNELS = ("multi", "polynomial", "rbf")
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of σ²; each twice the one before, which `multi` relies on
TILE_ROWS = 1024


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖² = ‖x_i‖² + ‖y_j‖² − 2⟨x_i, y_j⟩, after moving both to the mean of x.

    Args:
        x: (…, n, d).
        y: (…, m, d).

    Returns:
        (…, n, m), not negative.
    """
    centre = x.mean(dim=-2, keepdim=True)  # a large common offset would cost float32 its digits
    x, y = x - centre, y - centre
    squares = x.square().sum(-1, keepdim=True) + y.square().sum(-1).unsqueeze(-2)
    return (squares - 2 * x @ y.mT).clamp_min(0)


def median_bandwidth(source: Tensor, target: Tensor, rows: int = 2000) -> float:
    """σ = median distance between two points of the pooled sample: the median heuristic.

    Reference: Gretton et al. (2012), A kernel two-sample test, JMLR 13, §8.

    Args:
        source: (n, d).
        target: (m, d).
        rows: At most so many rows, evenly spaced, are looked at.

    Returns:
        A positive number; a constant, through which no gradient flows.

    Raises:
        BadSpec: More than half of all pairs coincide.
    """
    n = len(source)
    looked_at = torch.arange(n + len(target), device=source.device)
    if len(looked_at) > rows:
        looked_at = looked_at[torch.linspace(0, len(looked_at) - 1, rows, device=source.device).long()]
    pooled = torch.cat([source[looked_at[looked_at < n]], target[looked_at[looked_at >= n] - n]]).detach()
    i, j = torch.triu_indices(len(pooled), len(pooled), 1, device=pooled.device)
    scale, (pooled,) = split_scale(pooled)
    sigma = scale * math.sqrt(float(squared_distances(pooled, pooled)[i, j].median()))
    if sigma <= 0:
        raise BadSpec(
            "The median distance between samples must be positive. Got 0: more than half of the pairs are "
            "equal; give `bandwidth` a number, or look for a dead layer."
        )
    return sigma


def rbf(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """k(x, y) = exp(−‖x − y‖² / 2σ²).

    Args:
        x: (…, n, d).
        y: (…, m, d).
        bandwidth: σ above 0, in the units of `x`.

    Example:
        >>> float(rbf(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]]), 1.0))  # exp(−1)
        0.3678794503211975
    """
    # Divided first: squares of features overflow where those of features in bandwidths do not.
    return torch.exp(-0.5 * squared_distances(x / bandwidth, y / bandwidth))


def multi(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Mean of five RBF kernels with σ² × ¼, ½, 1, 2, 4: a convex mixture.

    Reference: Long et al. (2015), Learning transferable features, ICML, §3 (multi-kernel MMD),
    arXiv:1502.02791.

    Args:
        x: (…, n, d).
        y: (…, m, d).
        bandwidth: σ of the middle kernel, above 0, in the units of `x`.
    """
    # The widest kernel squared is the next one, as the variances halve: one exp instead of five.
    narrowing = rbf(x, y, bandwidth * math.sqrt(FACTORS[-1]))
    mixture = narrowing
    for _ in FACTORS[1:]:
        narrowing = narrowing.square()
        mixture = mixture + narrowing
    return mixture / len(FACTORS)


def polynomial(x: Tensor, y: Tensor, degree: int = 3) -> Tensor:
    """k(x, y) = (⟨x, y⟩ / d + 1)^degree, the kernel of KID.

    Reference: Bińkowski et al. (2018), Demystifying MMD GANs, ICLR (KID), arXiv:1801.01401.

    Args:
        x: (…, n, d).
        y: (…, m, d).
        degree: At least 1.
    """
    power: Tensor = (x @ y.mT / x.shape[-1] + 1) ** degree
    return power


def make_kernel(kernel: str, source: Tensor, target: Tensor, bandwidth: float | None) -> Kernel:
    """The kernel of that name with its bandwidth settled; None = median heuristic.

    Args:
        kernel: One of `KERNELS`.
        source: (n, d) floating.
        target: (m, d) floating.
        bandwidth: σ above 0, in the units of the features; None = the median distance of pooled rows. `polynomial`
            has none.

    Raises:
        UnknownName: No such kernel.
        BadSpec: A bandwidth that is not positive.
    """
    if kernel not in KERNELS:
        raise UnknownName.among("kernel", kernel, KERNELS)
    if kernel == "polynomial":
        return polynomial
    if bandwidth is None:
        bandwidth = median_bandwidth(source, target)
    if not bandwidth > 0:
        raise BadSpec(f"bandwidth must be positive. Got {bandwidth}; None takes the median distance.")
    return partial({"rbf": rbf, "multi": multi}[kernel], bandwidth=bandwidth)


def kernel_sum(kernel: Kernel, x: Tensor, y: Tensor, tile: int = TILE_ROWS) -> Tensor:
    """Σ_ij k(x_i, y_j) over tiles of the kernel matrix, which is never whole in memory.

    Args:
        kernel: (a, d), (b, d) → (a, b).
        x: (n, d).
        y: (m, d).
        tile: Rows of either side that are worked on at a time.
    """
    tiles = [as_float64(kernel(a, b).sum()) for a in torch.split(x, tile) for b in torch.split(y, tile)]
    return torch.stack(tiles).sum()


def kernel_diagonal(kernel: Kernel, x: Tensor) -> Tensor:
    """k(x_i, x_i) for every row, (n,).

    Args:
        kernel: One that takes batches: (…, a, d), (…, b, d) → (…, a, b).
        x: (n, d).
    """
    return kernel(x[:, None], x[:, None])[:, 0, 0]


def sample_frequencies(kernel: str, d: int, bandwidth: float, count: int, seed: int) -> Tensor:
    """(d, count) frequencies W, such that mean_w cos(wᵀ(x − y)) estimates k(x, y).

    Reference: Rahimi & Recht (2007), Random features for large-scale kernel machines, NIPS, Algorithm 1.

    Args:
        kernel: "rbf" or "multi".
        d: Number of features.
        bandwidth: σ above 0.
        count: F, how many frequencies; the error of the estimate falls as 1/√F.
        seed: Of the draw.

    Raises:
        BadSpec: A kernel without random features.
    """
    if kernel not in ("rbf", "multi"):
        raise BadSpec(f"Random features need the kernel rbf or multi. Got {kernel!r}; set random_features=0.")
    generator = torch.Generator().manual_seed(seed)
    factors = torch.tensor(FACTORS if kernel == "multi" else (1.0,))
    spread = bandwidth * factors.repeat(math.ceil(count / len(factors)))[:count].sqrt()
    return torch.randn(d, count, generator=generator) / spread


def random_features(x: Tensor, w: Tensor) -> Tensor:
    """φ(x) = [cos xW, sin xW] / √count, so that ⟨φ(x), φ(y)⟩ ≈ k(x, y) and ‖φ(x)‖ = 1; (n, 2 count).

    Args:
        x: (n, d).
        w: (d, count) from `sample_frequencies`.
    """
    angle = x @ w.to(x)
    return torch.cat([angle.cos(), angle.sin()], dim=1) / math.sqrt(w.shape[1])


def batch_kernel(source: Tensor, target: Tensor) -> Tensor:
    """`multi` between all rows of two batches, its σ² half the mean squared distance of two different rows.

    The mean, unlike the median, is 0 only where all rows are equal: then every entry is 1. No gradient flows through σ.

    Args:
        source: (n, d).
        target: (m, d).

    Returns:
        (n + m, n + m); the source's rows first.
    """
    pooled = torch.cat([source, target])
    n = len(pooled)
    mean = squared_distances(pooled.detach(), pooled.detach()).sum() / (n * (n - 1))
    return multi(pooled, pooled, math.sqrt(float(mean) / 2) or 1.0)


def mmd_of_kernel(kernel: Tensor, n: int, estimator: str) -> Tensor:
    """MMD² from the kernel matrix of two batches: eq. 3 of Gretton et al. (2012), or Lemma 14.

    unbiased: 1/n(n−1) Σ_{i≠j} K_ij of the source + the same of the target − 2/nm Σ across.
    linear: mean over i of k(x_2i−1, x_2i) + k(y_2i−1, y_2i) − k(x_2i−1, y_2i) − k(x_2i, y_2i−1).

    Args:
        kernel: (n + m, n + m); the source's rows first.
        n: Rows of the source; both domains have 2 or more.
        estimator: "linear"; anything else is unbiased.

    Returns:
        Scalar; 0 on average where both come from one distribution, so it can be negative.
    """
    m = len(kernel) - n
    if estimator == "linear":
        one = torch.arange(0, 2 * (min(n, m) // 2), 2, device=kernel.device)
        x1, x2, y1, y2 = one, one + 1, n + one, n + one + 1
        return (kernel[x1, x2] + kernel[y1, y2] - kernel[x1, y2] - kernel[x2, y1]).mean()
    s, t, across = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]
    within = (s.sum() - s.trace()) / (n * (n - 1)) + (t.sum() - t.trace()) / (m * (m - 1))
    return within - 2 * across.mean()
