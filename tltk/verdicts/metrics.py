"""What predictions are scored by: a figure of a test set, and a score of each example whose mean it is. No torch.

A figure that is no mean over examples, such as macro-F1, is given as one by its jackknife pseudo-values: that of an
example is n·θ − (n − 1)·θ₋ᵢ, θ₋ᵢ being the figure without it. Their mean is the figure, corrected for its bias of order
1/n, and what is paired and weighed over examples then holds for it as for an accuracy.

Reference:
    Tukey (1958), Bias and confidence in not-quite large samples, Annals of Mathematical Statistics 29; Efron and
    Tibshirani (1993), An introduction to the bootstrap, §11.5 (pseudo-values). Of the area under the curve they are,
    but for terms of order 1/n, those of DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more
    correlated receiver operating characteristic curves, Biometrics 44.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tltk.errors import BadSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ACCURACY, BALANCED, MACRO_F1, AUC = "accuracy", "balanced_accuracy", "macro_f1", "auc"
WORDS = {ACCURACY: "accuracy", BALANCED: "balanced accuracy", MACRO_F1: "macro-F1", AUC: "area under the ROC curve"}


def confusion(predictions: Ints, labels: Ints, n_classes: int) -> Ints:
    """How many of each class (rows) were taken for each (columns).

    Args:
        predictions: Class numbers, (n,).
        labels: Class numbers, (n,).
        n_classes: How many there are.
    """
    counts = np.bincount(labels * n_classes + predictions, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def balanced_accuracy(table: NDArray[Any]) -> Floats:
    """Mean recall of the classes that have pictures, of each table (…, classes, classes).

    Reference:
        Brodersen, Ong, Stephan and Buhmann (2010), The balanced accuracy and its posterior distribution, ICPR.
    """
    hits, n = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1)
    return _mean_over_classes(hits, n)


def macro_f1(table: NDArray[Any]) -> Floats:
    """Mean F1 = 2·TP / (2·TP + FP + FN) of the classes that occur or are predicted, of each table."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    return _mean_over_classes(2 * hits, table.sum(-1) + table.sum(-2))


def area_under_curve(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """P(s⁺ > s⁻) + ½ P(s⁺ = s⁻); NaN where one side is missing.

    Reference:
        Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).

    Args:
        scores: Of the positive class, (n,).
        positive: Which are of it, (n,).
    """
    above = _placements(scores, positive)
    return float(above[positive].mean()) if positive.any() and not positive.all() else float("nan")


def example_scores(
    metric: str, predictions: ArrayLike, labels: ArrayLike, n_classes: int, margins: Sequence[float] = ()
) -> Floats:
    """A score for each example whose mean is the figure: its pseudo-value; of accuracy 1 where it is right, else 0.

    Args:
        metric: accuracy, balanced_accuracy, macro_f1 or auc.
        predictions: Class numbers, (n,).
        labels: Class numbers, (n,).
        n_classes: How many there are.
        margins: For auc: logit of class 1 less that of class 0, (n,).

    Raises:
        BadSpec: The area under the curve of other than two classes, both of which are there twice.
    """
    guess, truth = (np.asarray(values, dtype=np.int64) for values in (predictions, labels))
    right: Floats = (guess == truth).astype(np.float64)
    n = len(truth)
    if metric == ACCURACY or n < 2:
        return right
    if metric == AUC:
        return _auc_scores(np.asarray(margins, dtype=np.float64), truth, n_classes)
    figure = {BALANCED: balanced_accuracy, MACRO_F1: macro_f1}[metric]
    table = confusion(guess, truth, n_classes)
    cells, which = np.unique(truth * n_classes + guess, return_inverse=True)
    without = np.repeat(table[None], len(cells), 0)  # one example less of each kind that occurs
    without[np.arange(len(cells)), cells // n_classes, cells % n_classes] -= 1
    found: Floats = (n * figure(table) - (n - 1) * figure(without))[which]
    return found


def _auc_scores(margins: Floats, labels: Ints, n_classes: int) -> Floats:
    """Pseudo-values of the area under the curve, (n,)."""
    positive = labels == 1
    least = min(int(positive.sum()), int((~positive).sum()))
    if n_classes != 2 or len(margins) != len(labels) or least < 2:
        raise BadSpec(
            f"The area under the ROC curve is of two classes with two test pictures each, and of results that keep the "
            f"margin of each. Got {n_classes} classes, {least} pictures of the rarer of the first two and "
            f"{len(margins)} margins; score by balanced_accuracy."
        )
    n, above = len(labels), _placements(margins, positive)
    sides = np.where(positive, positive.sum(), (~positive).sum())
    area = float(above[positive].mean())
    without = (area * sides - above) / (sides - 1)
    found: Floats = n * area - (n - 1) * without
    return found


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """For each example the share of the other side that lies on its right side, ties counted as half."""
    found = np.zeros(len(scores))
    for side in (True, False):
        mine, theirs = scores[positive == side], np.sort(scores[positive != side])
        if not len(theirs):
            continue
        below = (np.searchsorted(theirs, mine, "left") + np.searchsorted(theirs, mine, "right")) / (2 * len(theirs))
        found[positive == side] = below if side else 1 - below
    return found


def _mean_over_classes(above: NDArray[Any], below: NDArray[Any]) -> Floats:
    """Mean of above / below over the last axis, where below is not 0."""
    there = below > 0
    shares = np.divide(above, below, out=np.zeros(above.shape, dtype=np.float64), where=there)
    found: Floats = shares.sum(-1) / np.maximum(there.sum(-1), 1)
    return found
