"""Confident learning: which given labels are wrong, from probabilities of a fit that has not seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelIssues:
    """What confident learning says of some labels.

    Attributes:
        thresholds: t_j of each class, (k,); NaN where no label is of it.
        joint: C, examples counted by given (rows) and likely label (columns), (k, k).
        share: The joint distribution Q of given and true labels, (k, k); its sum is 1.
        likely: Of each example that is likely wrong the class that it is more likely of; else the given one, (n,).
        wrong: Whether each label is likely wrong, (n,).
        margin: Probability of the given label less the largest of the others, (n,); the lower, the worse.
    """

    thresholds: Floats
    joint: Ints
    share: Floats
    likely: Ints
    wrong: NDArray[np.bool_]
    margin: Floats

    @property
    def noise(self) -> float:
        """Estimated share of wrong labels: what lies off the diagonal of Q."""
        return float(1 - np.trace(self.share))


def find_label_issues(p: Floats, labels: Ints) -> LabelIssues:
    """Wrong labels: as many as the confident joint estimates for each pair of classes, the clearest of them.

    C_ij = |{x given i : p_j(x) ≥ t_j, j = argmax over l with p_l(x) ≥ t_l of p_l(x)}|, t_j the mean of p_j(x) over x
    given j; Q_ij ∝ (C_ij / Σ_j C_ij) · |{x given i}|; of those given i, the n · Q_ij with the largest p_j(x) − p_i(x)
    are wrong, as far as it is positive (pruning by noise rate).

    A class's threshold is its mean self-confidence, so classes that are harder, or of which a fit is less sure, are not
    accused sooner. It assumes that which class is mistaken for which depends on the classes, not on the picture; a fit
    that cannot tell two classes apart makes their borderline look like noise.

    Reference:
        Northcutt, Jiang & Chuang (2021), Confident learning: estimating uncertainty in dataset labels, JAIR 70,
        eq. 1–3 and §3.2, method 4, arXiv:1911.00068.

    Args:
        p: Probabilities of each class, by a fit that has not seen the example, (n, k).
        labels: The given class numbers, (n,), 0 … k − 1.

    Raises:
        BadSpec: Shapes or values that cannot be meant.
    """
    if p.ndim != 2 or labels.shape != p.shape[:1] or not len(p) or p.shape[1] < 2:
        raise BadSpec(
            f"Probabilities must be (n, k) with a label for each row and two classes at least. Got {p.shape} and "
            f"{labels.shape}."
        )
    if not np.isfinite(p).all() or labels.min() < 0 or labels.max() >= p.shape[1]:
        raise BadSpec(f"Probabilities must be finite, and labels from 0 to {p.shape[1] - 1}. Some are not.")
    n, k = p.shape
    counts = np.bincount(labels, minlength=k)
    own = p[np.arange(n), labels]
    thresholds = np.full(k, np.nan)
    thresholds[counts > 0] = np.bincount(labels, own, k)[counts > 0] / counts[counts > 0]
    passing = np.where(p >= thresholds, p, -np.inf)  # nothing is at or above NaN
    counted = np.isfinite(passing).any(1)
    joint = np.zeros((k, k), np.int64)
    np.add.at(joint, (labels[counted], passing.argmax(1)[counted]), 1)
    rows = joint.sum(1, keepdims=True)
    # A class of which no example counts is taken at its word.
    calibrated = np.where(rows > 0, joint / np.maximum(rows, 1), np.eye(k)) * counts[:, None]
    share = calibrated / calibrated.sum()
    others = p.copy()
    others[np.arange(n), labels] = -np.inf
    wrong = np.zeros(n, bool)
    for i, j in zip(*np.nonzero(np.rint(n * share) * (1 - np.eye(k))), strict=True):
        mine = np.flatnonzero((labels == i) & (p[:, j] > own))
        gap = p[mine, j] - own[mine]
        wrong[mine[np.argsort(-gap, kind="stable")[: round(n * share[i, j])]]] = True
    likely = np.where(wrong, others.argmax(1), labels).astype(np.int64)
    return LabelIssues(thresholds, joint, share, likely, wrong, own - others.max(1))
