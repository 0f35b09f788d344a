"""Principal components with a sign that does not depend on the machine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, check_features


@dataclass(frozen=True)
class Pca:
    """Axes of a fitted PCA; `project` places new samples."""

    mean: Tensor  # (d,)
    axes: Tensor  # (k, d), orthonormal
    share: Tensor  # (k,) of the variance

    def project(self, features: Tensor) -> Tensor:
        """(n, d) → (n, k) coordinates.

        Args:
            features: (n, d), with the columns of those that were fitted.
        """
        return ((as_float64(features) - self.mean) @ self.axes.mT).to(features.dtype)


def pca(features: Tensor, k: int = 2) -> Pca:
    """The k directions of most variance, from the SVD of the centred features X − x̄ = UΣVᵀ.

    Each axis has its largest loading positive, so that the same data give the same picture.

    Reference: Jolliffe (2002), Principal component analysis, §3.5; the sign as in scikit-learn.

    Args:
        features: (n, d).
        k: Axes; at most min(n, d).

    Returns:
        Mean, axes and shares of the variance.

    Raises:
        BadSpec: Shapes that cannot be used, or k out of range.

    Example:
        >>> p = pca(torch.tensor([[0.0, 0.0], [-1.0, -2.0], [1.0, 2.0]]), 1)
        >>> p.axes[0].tolist()[1] > 0, round(float(p.share[0]), 6)
        (True, 1.0)
    """
    check_features("features", features)
    n, d = features.shape
    if not 1 <= k <= min(n, d):
        raise BadSpec(f"k must be between 1 and {min(n, d)} for {n} samples of {d} features. Got {k}.")
    x = as_float64(features)
    mean = x.mean(0)
    axes, variance = _axes(x - mean)
    axes = axes[:k]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    total = variance.sum().clamp_min(torch.finfo(x.dtype).tiny)
    return Pca(mean, axes * torch.where(largest < 0, -1.0, 1.0).to(x.dtype), variance[:k] / total)


def _axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Right singular vectors and squared singular values, largest first."""
    n, d = x.shape
    if n < 4 * d:
        _, s, vh = torch.linalg.svd(x, full_matrices=False)
        return vh, s.square()
    # Many samples of few features: the (d, d) product is far cheaper, and float64 has the digits.
    values, vectors = torch.linalg.eigh(x.mT @ x)
    return vectors.mT.flip(0), values.flip(0).clamp_min(0)
