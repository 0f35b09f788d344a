"""H-score: how much of the features' covariance lies between the classes."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.transferability import centre_and_scale, check_labelled


def hscore(features: Tensor, labels: Tensor, *, shrinkage: float | None = None) -> float:
    """H-score, with the covariance shrunk so that it has a stable inverse.

    H = tr(Σ⁻¹ Σ_z), Σ = cov(f), Σ_z = cov(E[f|y]); shrunk: Σ_α = (1 − α)Σ + α (tr Σ / d) I in place of
    Σ and (1 − α)Σ_z in place of Σ_z.

    Reference: Bao et al. (2019), An information-theoretic approach to transferability in task transfer
    learning, ICIP, definition of the H-score, arXiv:2212.10082. Shrunk: Ibrahim, Ponomareva & Mazumder
    (2021), Newer is not always better, shrinkage-based H-score, arXiv:2110.06893.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        shrinkage: α from 0 to 1; None = Ledoit and Wolf's. 0 is Bao's score, with a pseudo-inverse.

    Returns:
        From 0 to min(d, C − 1). Unshrunk it is C − 1 for any features with d ≥ n − 1: it says nothing there, and
        shrunk it says less the more features there are for a sample.

    Raises:
        BadSpec: Labels that do not fit, or a shrinkage outside 0 … 1.

    Example:
        >>> x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
        >>> round(hscore(x, torch.tensor([0, 0, 1, 1]), shrinkage=0.0), 6)
        1.0
    """
    labels = check_labelled(features, labels)
    if shrinkage is not None and not 0 <= shrinkage <= 1:
        raise BadSpec(f"shrinkage must be from 0 to 1. Got {shrinkage}; None takes Ledoit and Wolf's.")
    x = centre_and_scale(features)  # the score itself does not change with the scale
    n, d = x.shape
    alpha = ledoit_wolf(x) if shrinkage is None else shrinkage
    onehot = torch.nn.functional.one_hot(labels).to(x.dtype)
    counts = onehot.sum(0)
    # Σ_z = MᵀM with one row √(n_c / n) μ_c per class.
    between = (onehot.mT @ x) / counts[:, None] * (counts / n).sqrt()[:, None]
    covariance = x.mT @ x / n
    shrunk = (1 - alpha) * covariance + alpha * covariance.trace() / d * torch.eye(d).to(x)
    if alpha > 0 and not bool(torch.linalg.cholesky_ex(shrunk).info):
        solved = torch.linalg.solve(shrunk, between.mT)
    else:
        solved = torch.linalg.pinv(shrunk, hermitian=True) @ between.mT
    return float((1 - alpha) * (between.mT * solved).sum())


def ledoit_wolf(x: Tensor) -> float:
    """Shrinkage α for centred rows (n, d): the share of the covariance that is best replaced by μI.

    α = min(b̄², δ²) / δ², δ² = ‖S − μI‖²_F / d, μ = tr S / d,
    b̄² = 1/(n d) (1/n Σ_k ‖x_k‖⁴ − ‖S‖²_F).

    Reference: Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance
    matrices, J. Multivariate Analysis 88, Lemmas 3.2–3.4.

    Args:
        x: (n, d) floating, its columns centred.

    Example:
        >>> ledoit_wolf(torch.tensor([[1.0], [-1.0]]))
        0.0
    """
    n, d = x.shape
    gram = x @ x.mT if n < d else x.mT @ x  # the same norm either way, and the smaller one
    norm = float(gram.square().sum()) / n**2
    mean = float(x.square().sum()) / (n * d)
    delta = norm / d - mean**2
    noise = (float(x.square().sum(1).square().sum()) / n - norm) / (n * d)
    return min(max(noise, 0.0), delta) / delta if delta > 1e-12 * mean**2 else 0.0
