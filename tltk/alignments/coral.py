"""Correlation alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.alignments.alignment import Aligned, Alignment, Floats, Ints
from tltk.features import check_domains
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class Coral(Alignment):
    """Correlation alignment: the source is whitened, then coloured with the target's covariance; the target stays.

    x ↦ (x − μ_S) C_S^(−½) C_T^(½) + μ_T, C = cov + λI.

    The paper presumes features of mean 0, which each domain gets here by its own mean. It takes differences of first
    and second order away and nothing else: it helps where domains differ in scale and correlation of features, such
    as by blur or contrast, and can hurt where classes have other shares in the target, since their means rightly
    differ.

    Reference: Sun, Feng and Saenko (2016), Return of frustratingly easy domain adaptation, AAAI, algorithm 1,
    arXiv:1511.05547.
    """

    ridge: float = knob(1.0, 1e-6, 1e6, help="λ, added to the variances of both domains.", log=True)

    def __call__(self, source: Floats, labels: Ints, target: Floats) -> Aligned:
        """The source moved, the target as it is."""
        check_domains(source, target)
        whiten = _power(self._covariance(source), -0.5)
        colour = _power(self._covariance(target), 0.5)
        return Aligned((source - source.mean(0)) @ whiten @ colour + target.mean(0), lambda x: x)

    def _covariance(self, x: Floats) -> Floats:
        centred = x - x.mean(0)
        found: Floats = centred.T @ centred / (len(x) - 1) + self.ridge * np.eye(x.shape[1])
        return found


def _power(matrix: Floats, exponent: float) -> Floats:
    """A power of a symmetric positive definite matrix, symmetric too."""
    values, vectors = np.linalg.eigh(matrix)
    found: Floats = (vectors * values**exponent) @ vectors.T
    return found
