"""Transfer component analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.alignments.alignment import Aligned, Alignment, Floats, Ints
from tltk.features import check_domains, gaussian, median_distance
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class Tca(Alignment):
    """Transfer component analysis: directions in a kernel's space that keep variance and leave the domains alike.

    min_W tr(Wᵀ K L K W) + μ tr(WᵀW), WᵀKHKW = I: W holds the first k eigenvectors of (KLK + μI)⁻¹KHK; a picture lies at
    k(x, X) W. tr(K L) is the MMD² of the domains, H centres, K = exp(−‖x − x′‖² / 2σ²) with the median distance as σ.

    Both domains move. It finds what they have in common, classes or not: nothing keeps a class of the source on the
    same class of the target, so it helps where the difference is plain and the classes are the main variance.

    Reference: Pan, Tsang, Kwok and Yang (2011), Domain adaptation via transfer component analysis, IEEE Transactions on
    Neural Networks 22(2), eq. 2–4 and 8.
    """

    dimension: int = knob(20, 1, 10_000, help="k, the components that are kept; at most as many as there are pictures.")
    mu: float = knob(1.0, 1e-6, 1e6, help="μ, the weight of the penalty that keeps W small.", log=True)

    def __call__(self, source: Floats, labels: Ints, target: Floats) -> Aligned:
        """Both in the components' coordinates."""
        from scipy.linalg import eigh

        check_domains(source, target)
        pooled, n, m = np.concatenate([source, target]), len(source), len(target)
        width = median_distance(pooled)
        kernel = gaussian(pooled, pooled, width)
        side = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])  # L = side sideᵀ
        gap, centred = kernel @ side, kernel - kernel.mean(0)
        k = min(self.dimension, n + m - 1)
        last = n + m - 1
        scatter = centred.T @ centred  # KHK, since H is its own square
        penalty = np.outer(gap, gap) + self.mu * np.eye(n + m)
        vectors = eigh(scatter, penalty, subset_by_index=(last - k + 1, last))[1][:, ::-1]
        w = vectors / np.sqrt(np.einsum("ij,ij->j", vectors, scatter @ vectors))
        return Aligned(kernel[:n] @ w, lambda x: gaussian(x, pooled, width) @ w)
