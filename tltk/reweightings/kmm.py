"""Kernel mean matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.features import check_domains, gaussian, median_distance
from tltk.reweightings.reweighting import Floats, Reweighting
from tltk.specs.knobs import knob

STEPS = 5000


@dataclass(frozen=True)
class Kmm(Reweighting):
    """Kernel mean matching: the weights with which the source's mean in a kernel's space is the target's.

    min_w ½ wᵀKw − κᵀw, 0 ≤ w_i ≤ B, |Σ w_i − n| ≤ n ε, κ_i = (n / m) Σ_j k(x_i, z_j), ε = (√n − 1) / √n;
    k(x, z) = exp(−‖x − z‖² / 2σ²) with the median distance of both domains as σ.

    No density is estimated, and the bound B keeps single pictures from taking over; at the
    paper's 1,000 it hardly does, and weights are ragged. In many dimensions all pictures
    are about equally far from each other, so the weights say little there.

    Reference: Huang, Smola, Gretton, Borgwardt and Schölkopf (2007), Correcting sample selection bias by unlabeled
    data, NeurIPS 19, eq. 5; solved by accelerated projected gradient: Beck and Teboulle (2009), A fast iterative
    shrinkage-thresholding algorithm, SIAM Journal on Imaging Sciences 2(1).
    """

    bound: float = knob(1000.0, 1.0, 1e6, help="B, the largest weight.", log=True)

    def __call__(self, source: Floats, target: Floats, seed: int = 0) -> Floats:
        """The minimiser."""
        check_domains(source, target)
        n, m = len(source), len(target)
        width = median_distance(np.concatenate([source, target]))
        kernel = gaussian(source, source, width)
        kappa = n / m * gaussian(source, target, width).sum(1)
        slack = n * (np.sqrt(n) - 1) / np.sqrt(n)
        return quadratic_program(kernel, kappa, self.bound, n - slack, n + slack)


def quadratic_program(kernel: Floats, kappa: Floats, bound: float, least: float, most: float) -> Floats:
    """argmin ½ wᵀKw − κᵀw over 0 ≤ w_i ≤ bound and least ≤ Σ w_i ≤ most, by accelerated projected gradient.

    Args:
        kernel: K, (n, n), symmetric, not negative.
        kappa: κ, (n,).
        bound: Of each entry.
        least: Of the sum.
        most: Of the sum; n · bound must reach `least`.

    Returns:
        (n,).
    """
    step = 1 / float(np.linalg.eigvalsh(kernel)[-1])
    w = ahead = _project(np.ones(len(kappa)), bound, least, most)
    t = 1.0
    for _ in range(STEPS):
        new = _project(ahead - step * (kernel @ ahead - kappa), bound, least, most)
        if float((ahead - new) @ (new - w)) > 0:  # it overshot: start anew from here (O'Donoghue and Candès 2015)
            t = 1.0
        following = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead = new + (t - 1) / following * (new - w)
        moved, w, t = float(np.abs(new - w).max()), new, following
        if moved < 1e-9:
            break
    return w


def _project(v: Floats, bound: float, least: float, most: float) -> Floats:
    """The nearest point within the box whose sum lies within the ends: all entries less one number, cut to the box."""
    from scipy.optimize import brentq

    inside: Floats = np.clip(v, 0, bound)
    total = float(inside.sum())
    if least <= total <= most:
        return inside
    wanted = min(max(total, least), most)
    lo, hi = float(v.min()) - bound - 1, float(v.max()) + 1
    shift = brentq(lambda s: float(np.clip(v - s, 0, bound).sum()) - wanted, lo, hi, xtol=1e-13)
    found: Floats = np.clip(v - shift, 0, bound)
    return found
