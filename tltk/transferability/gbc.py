"""GBC: how little the classes overlap, each seen as a Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.transferability import centre_and_scale, check_labelled


def gbc(features: Tensor, labels: Tensor, *, dimensions: int = 64, spherical: bool = True) -> float:
    """Gaussian Bhattacharyya coefficient, −Σ_{i≠j} exp(−D_B(i, j)).

    D_B = ⅛ δᵀΣ⁻¹δ + ½ log(|Σ| / √(|Σ_i| |Σ_j|)), Σ = ½(Σ_i + Σ_j), δ = μ_i − μ_j, on PCA features.

    The features are first divided by one number, their root mean square, so that their scale does not matter.
    The formula does not depend on it, but the authors' floor under a variance, 10⁻⁴, does: as they are, features
    a hundredth the size have all their variances at the floor, and every such network ranks low.

    Reference: Pándy et al. (2022), Transferability estimation using Bhattacharyya class separability,
    CVPR, §3, arXiv:2111.12780. The determinant of a spherical Σ = sI is s^d, as the formula has it; the
    authors' code takes log s once.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        dimensions: Principal axes kept, at most; 0 = all features as they are.
        spherical: One variance per class (the paper's best); False = one per class and axis.

    Returns:
        From −C(C − 1) to 0.

    Raises:
        BadSpec: Labels that do not fit, or a class with fewer than two samples.

    Example:
        >>> x = torch.tensor([[0.0], [2.0], [0.0], [2.0]])
        >>> gbc(x, torch.tensor([0, 0, 1, 1]))  # the classes coincide
        -2.0
    """
    labels = check_labelled(features, labels, least=2)
    if dimensions < 0:
        raise BadSpec(f"dimensions must not be negative. Got {dimensions}; 0 keeps all.")
    x = centre_and_scale(features)
    if 0 < dimensions < min(x.shape):
        u, s, _ = torch.linalg.svd(x, full_matrices=False)
        x = u[:, :dimensions] * s[:dimensions]
    classes = range(int(labels.max()) + 1)
    means = torch.stack([x[labels == c].mean(0) for c in classes])
    variances = torch.stack([x[labels == c].var(0, correction=0) for c in classes])
    if spherical:
        variances = variances.mean(1, keepdim=True).expand_as(variances)
    # The floor is for features that are constant within a class, as in the authors' code.
    distance = bhattacharyya(means, variances.clamp_min(1e-4))
    overlap = torch.exp(-distance)
    return float(overlap.trace() - overlap.sum())


def bhattacharyya(means: Tensor, variances: Tensor) -> Tensor:
    """D_B between all pairs of diagonal Gaussians, (C, C), from means and variances (C, d).

    Args:
        means: (C, d) floating.
        variances: (C, d), all above 0.
    """
    average = (variances[:, None] + variances[None]) / 2  # (C, C, d): C is small
    apart = ((means[:, None] - means[None]).square() / average).sum(2) / 8
    logs = variances.log().sum(1)
    return apart + (average.log().sum(2) - (logs[:, None] + logs[None]) / 2) / 2
