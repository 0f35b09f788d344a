"""Optimal transport."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.alignments.alignment import Aligned, Alignment, Floats, Ints
from tltk.features import check_domains
from tltk.specs.knobs import knob

ROUNDS = 10  # of the class term
P, LEAST = 0.5, 1e-3  # its exponent, and what is added to a share, since a share of 0 has no slope


@dataclass(frozen=True)
class OptimalTransport(Alignment):
    """Optimal transport: every picture of the source goes to the mean of the target's pictures that it is matched with.

    γ = argmin ⟨γ, C⟩ + ε Σ_ij γ_ij log γ_ij + η Σ_j Σ_c (Σ_{i: y_i = c} m γ_ij)^½ over plans whose rows sum to 1/n and
    columns to 1/m; C the squared distances over the largest. x_i ↦ Σ_j γ_ij z_j / Σ_j γ_ij; the target stays.

    It matches whole distributions, not only their first moments. Since all mass must go somewhere, it hurts where
    classes have other shares in the target. The class term (η above 0) keeps pictures of different classes from going
    to one place; it is not convex, and is lowered by steps, each an entropic plan with another cost.

    Reference: Courty, Flamary, Tuia and Rakotomamonjy (2017), Optimal transport for domain adaptation, IEEE TPAMI
    39(9), eq. 8, 13 and 14, arXiv:1507.00504; Cuturi (2013), Sinkhorn distances, NeurIPS; class term: Courty, Flamary
    and Tuia (2014), Domain adaptation with regularized optimal transport, ECML, eq. 6 and algorithm 1.
    """

    entropy: float = knob(0.02, 0.001, 100.0, help="ε, the weight of the entropy; more blurs the match.", log=True)
    classes: float = knob(0.0, 0.0, 10.0, help="η, how much classes are kept apart; 0 = labels are not used.")

    def __call__(self, source: Floats, labels: Ints, target: Floats) -> Aligned:
        """The source moved, the target as it is."""
        from scipy.spatial.distance import cdist

        check_domains(source, target)
        cost = cdist(source, target, "sqeuclidean")
        cost /= cost.max() or 1.0
        plan = sinkhorn(cost, self.entropy)
        if self.classes:
            member = (labels[:, None] == np.unique(labels)).astype(np.float64)
            for _ in range(ROUNDS):
                shares = member.T @ plan * plan.shape[1]  # of each target picture's mass, by class
                slope = self.classes * P * (shares + LEAST) ** (P - 1)
                plan = sinkhorn(cost + member @ slope, self.entropy)
        return Aligned(plan / plan.sum(1, keepdims=True) @ target, lambda x: x)


def sinkhorn(cost: Floats, entropy: float, iterations: int = 1000, tolerance: float = 1e-6) -> Floats:
    """The plan of least ⟨γ, C⟩ + ε Σ γ log γ with even marginals: γ_ij = exp((f_i + g_j − C_ij) / ε).

    f and g in turn make rows and columns sum as they must, in logarithms, until rows do so up to the tolerance.

    Reference: Cuturi (2013), Sinkhorn distances: lightspeed computation of optimal transport, NeurIPS, algorithm 1.

    Args:
        cost: (n, m).
        entropy: ε above 0.
        iterations: At most so many.
        tolerance: Of the sum of all rows' errors, of a mass of 1.

    Returns:
        (n, m); columns sum to 1/m, rows to 1/n up to the tolerance.
    """
    from scipy.special import logsumexp

    n, m = cost.shape
    scaled = -cost / entropy
    g = np.zeros(m)
    for _ in range(iterations):
        f = -np.log(n) - logsumexp(scaled + g, axis=1)
        g = -np.log(m) - logsumexp(scaled + f[:, None], axis=0)
        plan: Floats = np.exp(scaled + f[:, None] + g)
        if np.abs(plan.sum(1) - 1 / n).sum() < tolerance:
            break
    return plan
