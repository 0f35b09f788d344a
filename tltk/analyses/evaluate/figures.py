"""Figures of predictions against labels, in float64. No torch.

Ranks are compared with ties together. Intervals are of the bootstrap: the pictures are drawn again, with replacement,
as many as there are; each draw is a count of every picture, so that a figure of a draw is a weighted one.

Reference:
    Efron and Tibshirani (1993), An introduction to the bootstrap, §13.3 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tltk.analyses.evaluate.result import Bin, ClassScore, Figure, Reliability
from tltk.verdicts.metrics import MAX_FALSE, balanced_accuracy, confusion, macro_f1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N_BINS = 15
CHUNK_NUMBERS = 2**23  # counts of pictures that are drawn at a time
LEAST, MOST = 1e-2, 1e2  # temperatures that are looked at


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """p = exp(z/T) / Σ exp(z/T), (n, classes).

    Args:
        logits: z, (n, classes).
        temperature: T.
    """
    z = logits / temperature
    powers = np.exp(z - z.max(1, keepdims=True))
    p: Floats = powers / powers.sum(1, keepdims=True)
    return p


def mean_loss(logits: Floats, labels: Ints, temperature: float = 1.0) -> float:
    """−(1/n) Σ_i log p_i(y_i), in nats.

    Args:
        logits: (n, classes).
        labels: Class numbers, (n,).
        temperature: That the logits are divided by.
    """
    z = logits / temperature
    z = z - z.max(1, keepdims=True)
    return float((np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), labels]).mean())


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """T > 0 with the least mean loss of softmax(z/T); within 0.01 … 100.

    It changes no prediction, since the order of the logits stays. Where the loss falls all the way to 0.01, as where
    every picture is right, there is no such T, and it is 1.

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML, §4.2 (temperature
        scaling), eq. 9. arXiv:1706.04599.

    Args:
        logits: Of validation pictures, (n, classes).
        labels: Class numbers, (n,).
    """
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        return mean_loss(logits, labels, float(np.exp(log_t)))

    # Convex in 1/T, so with one valley in log T.
    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded", options={"xatol": 1e-8})
    return 1.0 if mean_loss(logits, labels, LEAST) <= found.fun else float(np.exp(found.x))


def reliability(logits: Floats, labels: Ints, temperature: float = 1.0) -> Reliability:
    """How far the probability of the predicted class tells how often it is right.

    ECE = Σ_m |B_m|/n · |acc(B_m) − conf(B_m)|, B_m the pictures whose probability lies in ((m−1)/15, m/15].

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML, eq. 3.
        arXiv:1706.04599; Brier (1950), Verification of forecasts expressed in terms of probability.

    Args:
        logits: (n, classes).
        labels: Class numbers, (n,).
        temperature: That the logits are divided by.
    """
    p = softmax(logits, temperature)
    confidence, right = p.max(1), p.argmax(1) == labels
    which = np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    bins, ece = [], 0.0
    for m in range(N_BINS):
        mine = which == m
        n = int(mine.sum())
        told = (float(confidence[mine].mean()), float(right[mine].mean())) if n else (None, None)
        ece += abs(float(right[mine].sum()) - float(confidence[mine].sum())) / len(p)
        bins.append(Bin(m / N_BINS, (m + 1) / N_BINS, n, *told))
    one_hot = np.eye(p.shape[1])[labels]
    brier = float(((p - one_hot) ** 2).sum(1).mean())
    return Reliability(temperature, ece, mean_loss(logits, labels, temperature), brier, bins)


def weighted_table(predictions: Ints, labels: Ints, n_classes: int, weights: Floats) -> Floats:
    """`confusion` of each draw, (draws, classes, classes).

    Args:
        predictions: Class numbers, (n,).
        labels: Class numbers, (n,).
        n_classes: How many there are.
        weights: How often each draw has each picture, (draws, n).
    """
    cells = labels * n_classes + predictions
    used, at = np.unique(cells, return_inverse=True)
    table = np.zeros((len(weights), n_classes**2))
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(len(used)))
    table[:, used] = np.add.reduceat(weights[:, order], starts, axis=1)
    return table.reshape(len(weights), n_classes, n_classes)


def ranking(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Area under the ROC curve, average precision and recall of each draw, (draws,); NaN where one side is missing.

    AUC = P(s⁺ > s⁻) + ½ P(s⁺ = s⁻); AP = Σ_k (R_k − R_{k−1}) P_k over the distinct scores, from the highest on; recall
    is the largest at which at most 5% of the others are taken for the class.

    Reference:
        Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).

    Args:
        scores: Of the class, (n,).
        positive: Which are of it, (n,).
        weights: How often each draw has each picture, (draws, n).
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    of_class = weights[:, order] * positive[order]
    p = np.add.reduceat(of_class, starts, axis=1)
    n = np.add.reduceat(weights[:, order] - of_class, starts, axis=1)
    n_above = np.cumsum(n, 1)
    all_p, all_n = p.sum(1), n.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (p * (all_n[:, None] - n_above + n / 2)).sum(1) / (all_p * all_n)
        tp = np.cumsum(p, 1)
        taken = tp + n_above
        precision = np.divide(tp, taken, out=np.zeros_like(tp), where=taken > 0)
        ap = (p * precision).sum(1) / all_p
        recall = np.where(n_above <= MAX_FALSE * all_n[:, None] * (1 + 1e-12), tp, 0.0).max(1) / all_p
    ap[all_n == 0] = recall[all_n == 0] = np.nan
    return auc, ap, recall


def class_scores(p: Floats, labels: Ints, names: list[str], which: list[int]) -> list[ClassScore]:
    """Figures of some classes.

    Args:
        p: Probabilities, (n, classes).
        labels: Class numbers, (n,).
        names: Of all classes.
        which: Numbers of those that are told.
    """
    table = confusion(p.argmax(1).astype(np.int64), labels, len(names))
    once, found = np.ones((1, len(labels))), []
    for c in which:
        hits, n, taken = int(table[c, c]), int(table[c].sum()), int(table[:, c].sum())
        auc, ap, recall = (float(v[0]) for v in ranking(p[:, c], labels == c, once))
        found.append(
            ClassScore(
                names[c],
                n,
                taken,
                hits / taken if taken else None,
                hits / n if n else None,
                2 * hits / (n + taken) if n + taken else None,
                None if np.isnan(ap) else ap,
                None if np.isnan(auc) else auc,
                None if np.isnan(recall) else recall,
            )
        )
    return found


def draws(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each resample has each of n pictures, some resamples at a time: (draws, n).

    Args:
        n: Pictures.
        resamples: How many in all.
        seed: Decides them, whatever is computed of them.
    """
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_NUMBERS // n)
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        picks = rng.integers(0, n, (rows, n))
        yield np.stack([np.bincount(row, minlength=n) for row in picks]).astype(np.float64)


def intervals(
    p: Floats, labels: Ints, resamples: int, seed: int, check: Callable[[], None] = lambda: None
) -> dict[str, Figure]:
    """balanced_accuracy and macro_f1; where two classes have pictures, average_precision, auc and recall_at_5_fpr too.

    The latter three are means over the classes that have pictures, one against the rest. An interval is that of the
    middle 95% of the resamples.

    Args:
        p: Probabilities, (n, classes).
        labels: Class numbers, (n,).
        resamples: For the intervals; 0 = none.
        seed: Of the resamples.
        check: Called now and then; it may raise.
    """
    n, n_classes = p.shape
    predictions = p.argmax(1).astype(np.int64)
    there = np.unique(labels)

    def of(weights: Floats) -> dict[str, Floats]:
        check()
        table = weighted_table(predictions, labels, n_classes, weights)
        found = {"balanced_accuracy": balanced_accuracy(table), "macro_f1": macro_f1(table)}
        if len(there) > 1:
            every = [ranking(p[:, c], labels == c, weights) for c in there]
            for i, name in enumerate(("auc", "average_precision", "recall_at_5_fpr")):
                values = np.stack([one[i] for one in every])
                known = np.isfinite(values)
                total = np.where(known, values, 0.0).sum(0)
                found[name] = np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)
        return found

    once = of(np.ones((1, n)))
    parts = [of(weights) for weights in draws(n, resamples, seed)] if resamples else []
    figures = {}
    for name, value in once.items():
        ends: tuple[float | None, float | None] = (None, None)
        if parts:
            values = np.concatenate([part[name] for part in parts])
            values = values[np.isfinite(values)]
            if len(values):
                lo, hi = np.quantile(values, [0.025, 0.975])
                ends = (float(lo), float(hi))
        figures[name] = Figure(float(value[0]), *ends)
    return figures


def best_threshold(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The threshold with the best balanced accuracy when what lies at it or above is taken; the middle of its gap.

    It is max_t (TPR(t) + TNR(t)) / 2, Youden's J and a constant; of several the one nearest to 0.5.

    Reference:
        Youden (1950), Index for rating diagnostic tests, Cancer 3(1).

    Args:
        scores: Probabilities of the positive class, (n,).
        positive: Which are of it, (n,); both kinds must be there.
    """
    levels = np.unique(scores)
    cuts = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    of_p, of_n = np.sort(scores[positive]), np.sort(scores[~positive])
    sensitivity = 1 - np.searchsorted(of_p, cuts) / len(of_p)
    specificity = np.searchsorted(of_n, cuts) / len(of_n)
    both = sensitivity + specificity
    best = np.flatnonzero(both >= both.max() - 1e-12)
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])
