"""Maximum mean discrepancy: the distance of two samples' mean embeddings."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec, UnknownName
from tltk.features import as_float64, rescale
from tltk.shift import check_pair
from tltk.shift.kernels import Kernel, kernel_diagonal, kernel_sum, make_kernel

ESTIMATORS = ("biased", "linear", "unbiased")


def mmd(
    source: Tensor,
    target: Tensor,
    *,
    kernel: str = "multi",
    bandwidth: float | None = None,
    estimator: str = "unbiased",
) -> Tensor:
    """Squared maximum mean discrepancy.

    unbiased: 1/n(n−1) Σ_{i≠j} k(x_i,x_j) + 1/m(m−1) Σ_{i≠j} k(y_i,y_j) − 2/nm Σ_ij k(x_i,y_j)
    biased:   the same with the diagonal kept, over n² and m²
    linear:   mean over i of h_i = k(x_2i−1,x_2i) + k(y_2i−1,y_2i) − k(x_2i−1,y_2i) − k(x_2i,y_2i−1)

    Reference: Gretton et al. (2012), A kernel two-sample test, JMLR 13: unbiased eq. 3 (Lemma 6),
    biased eq. 5 (squared), linear-time Lemma 14.

    Args:
        source: (n, d).
        target: (m, d).
        kernel: rbf, multi (mean of five RBF) or polynomial.
        bandwidth: σ of the RBF; None = median distance of the pooled sample.
        estimator: unbiased, biased, or linear (first min(n, m) rows of each, in pairs).

    Returns:
        Scalar. Biased: not negative, and 0 for a sample against itself. The others are 0 on average
        when both come from one distribution, so they can be negative.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or a value that the dtype cannot hold.
        UnknownName: A kernel or an estimator that does not exist.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> float(mmd(x, x + 2, kernel="polynomial", estimator="biased"))  # mean of (xy + 1)³
        409.0
    """
    check_pair(source, target)
    if estimator not in ESTIMATORS:
        raise UnknownName.among("estimator", estimator, ESTIMATORS)
    k = make_kernel(kernel, source, target, bandwidth)
    if estimator == "linear":
        return _linear_time(k, source, target)
    n, m = len(source), len(target)
    within_source, within_target = kernel_sum(k, source, source), kernel_sum(k, target, target)
    across = kernel_sum(k, source, target) / (n * m)
    if estimator == "biased":
        value = within_source / n**2 + within_target / m**2 - 2 * across
        return rescale("mmd", value, 1.0, 0, source.dtype)
    within_source = within_source - as_float64(kernel_diagonal(k, source)).sum()
    within_target = within_target - as_float64(kernel_diagonal(k, target)).sum()
    value = within_source / (n * (n - 1)) + within_target / (m * (m - 1)) - 2 * across
    return rescale("mmd", value, 1.0, 0, source.dtype)


def _linear_time(k: Kernel, source: Tensor, target: Tensor) -> Tensor:
    pairs = min(len(source), len(target)) // 2
    if pairs < 1:
        raise BadSpec("The linear-time estimator needs two rows of each domain; give it more samples.")
    x, y = source[: 2 * pairs, None], target[: 2 * pairs, None]  # (2p, 1, d): kernels row by row
    x1, x2, y1, y2 = x[::2], x[1::2], y[::2], y[1::2]
    h = torch.stack([k(x1, x2), k(y1, y2), -k(x1, y2), -k(x2, y1)])
    return rescale("mmd", as_float64(h).sum(0).mean(), 1.0, 0, source.dtype)
