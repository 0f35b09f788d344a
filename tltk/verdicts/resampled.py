"""Intervals for cross-validation: its folds share most of their training pictures, so they are not independent."""

from __future__ import annotations

import math

import numpy as np

from tltk.verdicts.judge import Floats


def corrected_variance(values: Floats, ratio: float, least: float = 0.0) -> float:
    """Variance of the mean of J resampled estimates: (1/J + n_test/n_train) · s², s² being their sample variance.

    With ratio 0 it is that of J independent estimates. The correction stands for a correlation of
    n_test/(n_test + n_train) between any two of them, since their training sets overlap.

    Reference:
        Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52(3), §3, eq. (9) (corrected
        resampled t-test).

    Args:
        values: (J,) an estimate for each test set.
        ratio: Test pictures to training pictures; of k folds 1/(k − 1).
        least: What s² is at least.
    """
    return (1 / len(values) + ratio) * max(float(values.var(ddof=1)), least)


def corrected_interval(
    values: Floats, ratio: float, level: float = 0.95, step: float = 0.0
) -> tuple[float, float, float]:
    """Mean over folds and repeats with its interval, for other pictures from where these came.

    mean ± t(J − 1) · √((1/J + n_test/n_train) · s²): the corrected resampled t of Nadeau and Bengio over all folds of
    all repeats, as Bouckaert and Frank use it. However often cross-validation is repeated, the interval does not become
    narrower than the ratio allows: repeats tell more of the division, and nothing new of the pictures.

    Simulations of its coverage: `python -m tests.benchmarks cross_validate`.

    Reference:
        Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52(3), §3, eq. (9); Bouckaert
        and Frank (2004), Evaluating the replicability of significance tests for comparing learning algorithms, PAKDD,
        §2.3 (corrected repeated k-fold cv test).

    Args:
        values: (J,) accuracy on each test fold, or the paired difference of two arms.
        ratio: Test pictures to training pictures; of k folds 1/(k − 1).
        level: Coverage of the interval, 0 … 1.
        step: What one picture of a fold counts, 1/n_test. Folds that are all alike then have the variance of one
            picture that went the other way in one of them, so that no width is nought; 0 = they may.

    Returns:
        (mean, low, high); with one value only it is the whole of −∞ … ∞.
    """
    from scipy.special import stdtrit

    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, -math.inf, math.inf
    half = float(stdtrit(n - 1, (1 + level) / 2)) * math.sqrt(corrected_variance(values, ratio, step**2 / n))
    return mean, mean - half, mean + half


def repeats_needed(values: Floats, folds: int, wanted: float, level: float = 0.95, most: int = 100) -> int | None:
    """How many repeats would make the interval's half narrower than a gap, with the spread found; None = no number.

    Args:
        values: (folds × repeats,) what was found.
        folds: How many folds a repeat has.
        wanted: The gap, greater than 0.
        level: Coverage of the interval.
        most: Repeats that are tried at most.
    """
    from scipy.special import stdtrit

    repeats = np.arange(len(values) // folds + 1, most + 1)
    n = repeats * folds
    half = stdtrit(n - 1, (1 + level) / 2) * np.sqrt((1 / n + 1 / (folds - 1)) * values.var(ddof=1))
    enough = repeats[half < wanted]
    return int(enough[0]) if len(enough) else None
