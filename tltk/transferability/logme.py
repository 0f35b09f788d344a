"""LogME: the largest log evidence of a Bayesian linear model from features to labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import wide
from tltk.transferability import check_labelled


def logme(features: Tensor, labels: Tensor, *, iterations: int = 100, tolerance: float = 1e-6) -> float:
    """Log maximum evidence per sample, averaged over one-against-rest labels.

    log p(y|F) = n/2 log β + d/2 log α − n/2 log 2π − β/2 ‖Fm − y‖² − α/2 mᵀm − ½ log|A|,
    A = αI + βFᵀF, m = βA⁻¹Fᵀy, at the α, β that make it largest:
    γ = Σ βσ/(α + βσ), α ← γ / mᵀm, β ← (n − γ) / ‖Fm − y‖², σ = eigenvalues of FᵀF.

    Reference: You et al. (2021), LogME: practical assessment of pre-trained models for transfer
    learning, ICML, §4 and Algorithm 1, arXiv:2102.11005; in the t = α/β form of You et al. (2022),
    JMLR 23, arXiv:2110.10545.

    Args:
        features: (n, d), as they are: neither centred nor scaled.
        labels: (n,) class numbers.
        iterations: Most steps of the fixed point, which settles in a few.
        tolerance: Relative change of α/β at which it has settled.

    Returns:
        A number without bounds; larger means that the labels follow from the features.

    Raises:
        BadSpec: Labels that do not fit, or features that are all zero.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.1, 0.1], [0.0, 1.0], [0.1, 1.2]])
        >>> logme(x, torch.tensor([0, 0, 1, 1])) > logme(x, torch.tensor([0, 1, 0, 1]))
        True
    """
    labels = check_labelled(features, labels)
    f = wide(features)
    u, s, _ = torch.linalg.svd(f, full_matrices=False)
    sigma = s.square()
    if not float(sigma.max()) > 0:
        raise BadSpec("Features must not all be zero; look for a dead layer.")
    onehot = torch.nn.functional.one_hot(labels).to(f.dtype)
    along = (u.mT @ onehot).square()  # (k, C): the labels' energy in each singular direction
    beyond = (onehot.sum(0) - along.sum(0)).clamp_min(0)  # what no weights can reach
    values = [
        _evidence(sigma, along[:, c], beyond[c], f.shape, iterations, tolerance)
        for c in range(onehot.shape[1])
    ]
    return sum(values) / len(values)


def _evidence(
    sigma: Tensor, along: Tensor, beyond: Tensor, shape: torch.Size, iterations: int, tolerance: float
) -> float:
    """The evidence per sample at its fixed point, for one column of labels."""
    n, d = shape
    largest = float(sigma.max())
    t = 1.0  # α / β, as the authors start
    for _ in range(iterations):
        alpha, beta, squares, residual = _update(sigma, along, beyond, n, t)
        # Bounds, for labels that the features explain exactly or not at all: t then runs to 0 or ∞
        # while the evidence itself has a limit.
        before, t = t, min(max(alpha / beta, 1e-10 * largest), 1e10 * largest)
        if abs(t - before) <= tolerance * before:
            break
    alpha, beta, squares, residual = _update(sigma, along, beyond, n, t)
    logarithms = d * math.log(alpha) + n * math.log(beta) - n * math.log(2 * math.pi)
    # |A| has d − k eigenvalues that are α alone; the authors' code leaves them out, so for n < d its
    # value is larger by (d − n)/(2n) · log α than the evidence.
    determinant = float((alpha + beta * sigma).log().sum()) + (d - len(sigma)) * math.log(alpha)
    return (logarithms - beta * residual - alpha * squares - determinant) / (2 * n)


def _update(
    sigma: Tensor, along: Tensor, beyond: Tensor, n: int, t: float
) -> tuple[float, float, float, float]:
    """α, β, mᵀm and ‖Fm − y‖² for this α/β."""
    shrunk = t / (sigma + t)
    gamma = float((sigma / (sigma + t)).sum())
    free = n - len(sigma) + float(shrunk.sum())  # n − γ without its cancellation
    squares = float((along * sigma / (sigma + t).square()).sum())
    residual = float((along * shrunk.square()).sum() + beyond)
    tiny = 1e-300
    return max(gamma / max(squares, tiny), tiny), max(free / max(residual, tiny), tiny), squares, residual
