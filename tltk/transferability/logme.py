"""LogME: the largest log evidence of a Bayesian linear model from features to labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, split_scale
from tltk.transferability import check_labelled

GRID = 161  # values of t at which the search begins, eight a decade
GOLDEN = (math.sqrt(5) - 1) / 2


def logme(features: Tensor, labels: Tensor, *, iterations: int = 30) -> float:
    """Log maximum evidence per sample, averaged over one-against-rest labels.

    log p(y|F) = n/2 log β + d/2 log α − n/2 log 2π − β/2 ‖Fm − y‖² − α/2 mᵀm − ½ log|A|,
    A = αI + βFᵀF, m = βA⁻¹Fᵀy, at the α, β that make it largest. For t = α/β the best β is
    n / (‖Fm − y‖² + t mᵀm), which leaves one number to search for: the best of a grid over t from 10⁻¹⁰ to
    10¹⁰ of the largest eigenvalue of FᵀF, then golden sections around it. The papers' fixed point stops up to
    4·10⁻⁴ short where the features nearly explain the labels.

    Reference: You et al. (2021), LogME: practical assessment of pre-trained models for transfer
    learning, ICML, §4, arXiv:2102.11005; in the t = α/β form of You et al. (2022), JMLR 23,
    arXiv:2110.10545. Golden sections: Kiefer (1953), Sequential minimax search for a maximum, Proc. AMS 4.

    Args:
        features: (n, d), not centred; their scale does not matter.
        labels: (n,) class numbers.
        iterations: Golden sections; 30 leave 10⁻⁶ of the grid's step, and of the value less than 10⁻¹².

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
    _, (f,) = split_scale(as_float64(features))  # the evidence is the same: α takes up the scale
    u, s, _ = torch.linalg.svd(f, full_matrices=False)
    sigma = s.square()
    if not float(sigma.max()) > 0:
        raise BadSpec("Features must not all be zero; look for a dead layer.")
    onehot = torch.nn.functional.one_hot(labels).to(f.dtype)
    along = (u.mT @ onehot).square()  # (k, C): the labels' energy in each singular direction
    beyond = (onehot.sum(0) - along.sum(0)).clamp_min(0)  # what no weights can reach
    # Bounds, for labels that the features explain exactly or not at all: t then runs to 0 or ∞.
    lowest, highest = (math.log(float(sigma.max())) + e * math.log(10) for e in (-10, 10))
    grid = torch.linspace(lowest, highest, GRID, dtype=f.dtype, device=f.device)[:, None].expand(-1, len(beyond))
    best = _evidence(grid, sigma, along, beyond, len(f)).argmax(0)
    step = (highest - lowest) / (GRID - 1)
    lo, hi = (grid[0, 0] + step * (best + side).clamp(0, GRID - 1) for side in (-1, 1))
    for _ in range(iterations):
        one, two = hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo)
        left, right = _evidence(torch.stack([one, two]), sigma, along, beyond, len(f))
        lo, hi = torch.where(left > right, lo, one), torch.where(left > right, two, hi)
    return float(_evidence(((lo + hi) / 2)[None], sigma, along, beyond, len(f)).mean())


def _evidence(logs: Tensor, sigma: Tensor, along: Tensor, beyond: Tensor, n: int) -> Tensor:
    """The evidence per sample at each log t, (…, C), with the best β.

    |A| has d − k eigenvalues that are α alone, which cancel against d/2 log α; the authors' code leaves them
    out, so for n < d its value is larger by (d − n)/(2n) · log α than the evidence.
    """
    t = logs.exp()
    shifted = sigma[:, None] + t[:, None]  # (…, k, C)
    # ‖Fm − y‖² + t mᵀm = Σ t/(σ + t) · along + beyond
    misfit = (along * (t[:, None] / shifted)).sum(1) + beyond
    logarithms = n * (math.log(n) - math.log(2 * math.pi) - 1 - misfit.clamp_min(1e-300).log())
    return (logarithms + len(sigma) * logs - shifted.log().sum(1)) / (2 * n)
