"""Kullback–Leibler importance estimation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.features import check_domains, gaussian, median_distance
from tltk.reweightings.reweighting import Floats, Reweighting
from tltk.specs.knobs import knob

WIDTHS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)  # of the median distance
STEPS = 10_000


@dataclass(frozen=True)
class Kliep(Reweighting):
    """Kullback–Leibler importance estimation: weights under which the target's pictures are most likely.

    w(x) = Σ_l α_l exp(−‖x − c_l‖² / 2σ²), centres c_l from the target; max_α Σ_j log w(z_j), α ≥ 0, with
    Σ_i w(x_i) = n over the source; σ by the likelihood of held-out pictures of the target.

    It chooses its width by itself, which kernel mean matching cannot. Centres lie where the target does, so pictures of
    the source far from all of them get nothing.

    Reference: Sugiyama, Suzuki, Nakajima, Kashima, von Bünau and Kawanabe (2008), Direct importance estimation for
    covariate shift adaptation, Annals of the Institute of Statistical Mathematics 60, eq. 9 and §2.3; its maximum,
    which is one of mixture proportions, is found by expectation maximisation: Dempster, Laird and Rubin (1977), JRSS
    B 39.
    """

    centres: int = knob(100, 1, 10_000, help="Pictures of the target that are centres; at most as many as there are.")
    folds: int = knob(5, 2, 100, help="Parts of the target, each held out once to choose the width.")

    def __call__(self, source: Floats, target: Floats, seed: int = 0) -> Floats:
        """The weights at the width that the held-out part is most likely under."""
        check_domains(source, target)
        rng = np.random.default_rng(seed)
        m, median = len(target), median_distance(np.concatenate([source, target]))
        centres = target[rng.permutation(m)[: self.centres]]
        part = rng.permutation(m) % min(self.folds, m)
        scored = {}
        for factor in WIDTHS:
            there, here = gaussian(target, centres, factor * median), gaussian(source, centres, factor * median)
            held = 0.0
            for fold in range(int(part.max()) + 1):
                alpha = most_likely(there[part != fold], here, 1e-3)  # near enough to compare widths
                held += float(np.log(np.maximum(there[part == fold] @ alpha, 1e-300)).sum())
            scored[factor] = held
        width = median * max(scored, key=scored.__getitem__)
        found: Floats = gaussian(source, centres, width) @ most_likely(
            gaussian(target, centres, width), gaussian(source, centres, width)
        )
        return found


def most_likely(there: Floats, here: Floats, tolerance: float = 1e-4) -> Floats:
    """argmax_α Σ_j log (A α)_j, α ≥ 0, mean_i (B α)_i = 1.

    With θ_l = α_l mean_i B_il the constraint is Σ θ_l = 1: proportions of a mixture. The optimum is reached, up to the
    tolerance for the mean logarithm, once no component's mean of A_jl / (mean B_l (Aα)_j) exceeds 1 by more.

    Args:
        there: A, the basis functions at the target's pictures, (m, b).
        here: B, at the source's, (n, b).
        tolerance: Of the mean logarithm.

    Returns:
        α, (b,); a basis function that is 0 at all of the source has α = 0.
    """
    mass = here.mean(0)
    usable = mass > 1e-12  # else a centre far from the source could be given any weight
    if not usable.any():
        return np.zeros(len(mass))
    ratio = there[:, usable] / mass[usable]
    theta = np.full(ratio.shape[1], 1 / ratio.shape[1])
    for _ in range(STEPS):
        gain = (ratio / np.maximum(ratio @ theta, 1e-300)[:, None]).mean(0)
        if gain.max() <= 1 + tolerance:
            break
        theta = theta * gain
        theta /= theta.sum()
    alpha = np.zeros(len(mass))
    alpha[usable] = theta / mass[usable]
    return alpha
