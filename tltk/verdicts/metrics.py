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
AVERAGE_PRECISION, RECALL = "average_precision", "recall_at_5_fpr"
RANKED = (AUC, AVERAGE_PRECISION, RECALL)  # of two classes, by the order of the examples
MAX_FALSE = 0.05  # rate of false positives at which recall is told
WORDS = {
    ACCURACY: "accuracy",
    BALANCED: "balanced accuracy",
    MACRO_F1: "macro-F1",
    AUC: "area under the ROC curve",
    AVERAGE_PRECISION: "average precision of the rarer class",
    RECALL: "recall of the rarer class at 5% false positives",
}


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


def rarer_class(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) which examples are of the rarer of two classes, such as fraud; of class 1 where both are as frequent.

    Args:
        labels: 0 or 1, (n,).
    """
    ones: NDArray[np.bool_] = np.asarray(labels) == 1
    return ones if 2 * ones.sum() <= len(ones) else ~ones


def average_precision(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Σ_k (R_k − R_{k−1}) P_k over the distinct scores from the highest on, P precision and R recall; NaN of one side.

    Reference:
        Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, §8.4; Boyd, Eng and Page (2013),
        Area under the precision-recall curve: point estimates and confidence intervals, ECML PKDD, §4 (average
        precision).

    Args:
        scores: Of the positive class, (n,).
        positive: Which are of it, (n,).
    """
    hits, misses, _ = _thresholds(scores, positive)
    if not hits.sum() or not misses.sum():
        return float("nan")
    above = np.cumsum(hits)
    return float((hits * above / (above + np.cumsum(misses))).sum() / hits.sum())


def recall_at_false_positives(scores: Floats, positive: NDArray[np.bool_], most: float = MAX_FALSE) -> float:
    """max TPR(t) over the thresholds t with FPR(t) ≤ `most`; NaN where one side is missing.

    Reference:
        Jesus, Pombal, Alves, Cruz, Saleiro, Ribeiro, Gama and Bizarro (2022), Turning the tables: biased, imbalanced,
        dynamic tabular datasets for ML evaluation, NeurIPS, §4 (recall of fraud at 5% false positives).
        arXiv:2211.13358.

    Args:
        scores: Of the positive class, (n,).
        positive: Which are of it, (n,).
        most: Rate of false positives that is borne, 0 … 1.
    """
    hits, misses, _ = _thresholds(scores, positive)
    if not hits.sum() or not misses.sum():
        return float("nan")
    return float(_recall(hits, misses, most))


def _thresholds(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats, Ints]:
    """Positives and negatives at each distinct score from the highest on, (k,); and the place of each example, (n,)."""
    _, rank = np.unique(-np.asarray(scores, dtype=np.float64), return_inverse=True)
    hits = np.bincount(rank, weights=positive.astype(np.float64)).astype(np.float64)
    misses = np.bincount(rank, weights=(~positive).astype(np.float64)).astype(np.float64)
    return hits, misses, rank.astype(np.int64)


def _recall(hits: Floats, misses: Floats, most: float) -> float:
    allowed = np.cumsum(misses) <= most * misses.sum() * (1 + 1e-12)  # a share such as 3 of 60 is 5%
    return float(np.cumsum(hits)[allowed].max(initial=0.0) / hits.sum())


def example_scores(
    metric: str, predictions: ArrayLike, labels: ArrayLike, n_classes: int, margins: Sequence[float] = ()
) -> Floats:
    """A score for each example whose mean is the figure: its pseudo-value; of accuracy 1 where it is right, else 0.

    Args:
        metric: accuracy, balanced_accuracy, macro_f1, auc, average_precision or recall_at_5_fpr.
        predictions: Class numbers, (n,).
        labels: Class numbers, (n,).
        n_classes: How many there are.
        margins: For what goes by the order of the examples: logit of class 1 less that of class 0, (n,).

    Raises:
        BadSpec: What goes by the order of the examples, of other than two classes, both of which are there twice.
    """
    guess, truth = (np.asarray(values, dtype=np.int64) for values in (predictions, labels))
    right: Floats = (guess == truth).astype(np.float64)
    n = len(truth)
    if metric == ACCURACY or n < 2:
        return right
    if metric in RANKED:
        side = _check_ranked(metric, margins, truth, n_classes)
        sign = np.where(side[truth == 1].any(), 1.0, -1.0)
        of = {AUC: _auc_scores, AVERAGE_PRECISION: _average_precision_scores, RECALL: _recall_scores}
        return of[metric](sign * np.asarray(margins, dtype=np.float64), side)
    figure = {BALANCED: balanced_accuracy, MACRO_F1: macro_f1}[metric]
    table = confusion(guess, truth, n_classes)
    cells, which = np.unique(truth * n_classes + guess, return_inverse=True)
    without = np.repeat(table[None], len(cells), 0)  # one example less of each kind that occurs
    without[np.arange(len(cells)), cells // n_classes, cells % n_classes] -= 1
    found: Floats = (n * figure(table) - (n - 1) * figure(without))[which]
    return found


def without_skill(metric: str, labels: ArrayLike, n_classes: int) -> Floats:
    """Scores of the examples (n,) that take no learning, as `example_scores` gives them: always the commonest class.

    What goes by the order of the examples has its expectation under an order by chance: ½ for the area under the ROC
    curve, the share of the rarer class for average precision, the rate of false positives for recall.

    Args:
        metric: As for `example_scores`.
        labels: Class numbers, (n,).
        n_classes: How many there are.
    """
    truth = np.asarray(labels, dtype=np.int64)
    if metric in RANKED:
        by_chance = {AUC: 0.5, AVERAGE_PRECISION: float(rarer_class(truth).mean()), RECALL: MAX_FALSE}
        return np.full(len(truth), by_chance[metric])
    return example_scores(metric, np.full(len(truth), np.bincount(truth).argmax()), truth, n_classes)


def _check_ranked(metric: str, margins: Sequence[float], labels: Ints, n_classes: int) -> NDArray[np.bool_]:
    """Which examples are positive, where there are two classes, two examples of each, and margins."""
    positive = labels == 1 if metric == AUC else rarer_class(labels)
    least = min(int(positive.sum()), int((~positive).sum()))
    if n_classes != 2 or len(margins) != len(labels) or least < 2:
        raise BadSpec(
            f"The {WORDS[metric]} is of two classes with two test pictures each, and of results that keep the "
            f"margin of each. Got {n_classes} classes, {least} pictures of the rarer of the first two and "
            f"{len(margins)} margins; score by balanced_accuracy."
        )
    return positive


def _auc_scores(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Pseudo-values of the area under the curve, (n,)."""
    n, above = len(scores), _placements(scores, positive)
    sides = np.where(positive, positive.sum(), (~positive).sum())
    area = float(above[positive].mean())
    without = (area * sides - above) / (sides - 1)
    found: Floats = n * area - (n - 1) * without
    return found


def _average_precision_scores(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Pseudo-values of average precision, (n,): sums over thresholds above and below each example, taken once."""
    hits, misses, rank = _thresholds(scores, positive)
    n, n_hits = len(scores), hits.sum()
    above, taken = np.cumsum(hits), np.cumsum(hits + misses)
    terms = hits * above / taken
    fewer = np.maximum(taken - 1, 1)  # where one was taken and is gone there is no hit, and no term
    # Without a negative the precision at its threshold and below rises; without a positive the recall too.
    sums = np.stack([terms, hits * above / fewer, hits * (above - 1) / fewer])
    before, after = np.cumsum(terms) - terms, np.cumsum(sums[:, ::-1], 1)[:, ::-1]
    without_miss = (before + after[1]) / n_hits
    own = (hits - 1) * (above - 1) / fewer
    without_hit = (before + own + after[2] - sums[2]) / (n_hits - 1)
    found: Floats = n * terms.sum() / n_hits - (n - 1) * np.where(positive, without_hit[rank], without_miss[rank])
    return found


def _recall_scores(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """R + the influence of each example on R, the recall at the threshold that 5% of the negatives exceed; (n,).

    n/n₊ (1[s > t] − R) of a positive; − R′ n/n₋ (1[s > t] − F) of a negative, F the share of them above t and R′ the
    slope of the ROC curve there, taken between no false positives and twice as many. Recall moves in steps, so that its
    jackknife would not do.

    Reference:
        Hsieh and Turnbull (1996), Nonparametric and semiparametric estimation of the receiver operating characteristic
        curve, Annals of Statistics 24(1), Theorem 2.2 (its variance, R(1 − R)/n₊ + R′² F(1 − F)/n₋).
    """
    hits, misses, rank = _thresholds(scores, positive)
    n, n_hits, n_misses = len(scores), hits.sum(), misses.sum()
    allowed = np.cumsum(misses) <= MAX_FALSE * n_misses * (1 + 1e-12)
    above, recall = allowed[rank], _recall(hits, misses, MAX_FALSE)
    slope = (_recall(hits, misses, 2 * MAX_FALSE) - _recall(hits, misses, 0.0)) / (2 * MAX_FALSE)
    share = float(misses[allowed].sum() / n_misses)
    found: Floats = recall + np.where(positive, n / n_hits * (above - recall), -slope * n / n_misses * (above - share))
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
