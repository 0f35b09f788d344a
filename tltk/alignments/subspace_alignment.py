"""Subspace alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.alignments.alignment import Aligned, Alignment, Floats, Ints
from tltk.features import check_domains
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class SubspaceAlignment(Alignment):
    """Subspace alignment: the source's principal directions are turned to those of the target.

    Source: x ↦ (x − μ_S) P_S M, M = P_Sᵀ P_T; target: x ↦ (x − μ_T) P_T; P holds the first k principal directions.

    A linear map in closed form. What lies outside both subspaces is dropped, which helps where that is noise of one
    domain, and hurts where k is too small for the classes.

    Reference: Fernando, Habrard, Sebban and Tuytelaars (2013), Unsupervised visual domain adaptation using subspace
    alignment, ICCV, eq. 1–3 and algorithm 1.
    """

    dimension: int = knob(
        20, 1, 10_000, help="k, the principal directions of each domain; at most as many as there are."
    )

    def __call__(self, source: Floats, labels: Ints, target: Floats) -> Aligned:
        """Both in the target's principal coordinates."""
        check_domains(source, target)
        k = min(self.dimension, len(source) - 1, len(target) - 1, source.shape[1])
        (own, mean), (theirs, centre) = _principal(source, k), _principal(target, k)
        return Aligned((source - mean) @ own @ (own.T @ theirs), lambda x: (x - centre) @ theirs)


def _principal(x: Floats, k: int) -> tuple[Floats, Floats]:
    """The first k principal directions as columns, (d, k), and the mean."""
    mean = x.mean(0)
    return np.linalg.svd(x - mean, full_matrices=False)[2][:k].T, mean
