"""Coverage of the interval of cross-validation where the truth is known, beside Student's t of independent folds.

Examples come from two normal classes; learners are the nearest mean and the same with the classes' common covariance
(Fisher's), which cost nothing, so that thousands of studies can be made. The truth is the mean, over data sets of the size
that a fold learns from, of accuracy on a large test set.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.benchmarks.rounds import table
from tltk.data.division import deal
from tltk.verdicts.resampled import corrected_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
D, APART, TRUTHS = 8, 1.3, 400  # features, distance of the classes, data sets by which the truth is found


@dataclass(frozen=True)
class Coverage:
    """How often an interval holds the truth, and how wide it is, of the paired gap and of one learner's accuracy.

    Attributes:
        corrected: The corrected resampled t, of the gap.
        plain: Student's t, as if folds were independent, of the gap.
        accuracy: The corrected one, of the accuracy of one learner.
        width: Mean width of the corrected one, of the gap.
        plain_width: Mean width of the plain one.
    """

    corrected: float
    plain: float
    accuracy: float
    width: float
    plain_width: float


def drawn(n: int, draw: np.random.Generator) -> tuple[Floats, Ints]:
    """n examples of two classes in turns, the features correlated."""
    labels = np.arange(n) % 2
    x = draw.standard_normal((n, D)) @ np.linalg.cholesky(0.4 + 0.6 * np.eye(D)).T
    x[:, 0] += APART * labels
    return x, labels


def right(train: tuple[Floats, Ints], test: tuple[Floats, Ints]) -> tuple[float, float]:
    """Accuracy of the nearest mean, and of Fisher's discriminant."""
    x, y = train
    means = np.stack([x[y == c].mean(0) for c in (0, 1)])
    within = np.concatenate([x[y == c] - means[c] for c in (0, 1)])
    covariance = within.T @ within / (len(x) - 2) + 1e-3 * np.eye(D)
    found = []
    for w in (means[1] - means[0], np.linalg.solve(covariance, means[1] - means[0])):
        said = (test[0] - means.mean(0)) @ w > 0
        found.append(float((said == test[1]).mean()))
    return found[0], found[1]


def truth(n: int, folds: int, draw: np.random.Generator) -> Floats:
    """Mean accuracy of both learners, trained on as many as a fold leaves."""
    test = drawn(20_000, draw)
    return np.mean([right(drawn(n - n // folds, draw), test) for _ in range(TRUTHS)], axis=0)


def study(n: int, folds: int, repeats: int, draw: np.random.Generator) -> Floats:
    """(folds × repeats, 2) accuracy of both learners on every fold of one data set."""
    x, y = drawn(n, draw)
    found = []
    for _ in range(repeats):
        fold = deal(y, np.arange(n), [1 / folds] * folds, int(draw.integers(2**31)))
        found += [right((x[fold != f], y[fold != f]), (x[fold == f], y[fold == f])) for f in range(folds)]
    return np.array(found)


def coverage(n: int, folds: int, repeats: int, studies: int, seed: int) -> Coverage:
    """How often each interval holds the truth.

    Args:
        n: Examples of a data set.
        folds: Of a division.
        repeats: How often it is divided.
        studies: How many data sets.
        seed: Of the draws.
    """
    draw = np.random.default_rng(seed)
    known = truth(n, folds, draw)
    held, widths = np.zeros(3), np.zeros(2)
    for _ in range(studies):
        found = study(n, folds, repeats, draw)
        gap, true_gap = found[:, 1] - found[:, 0], known[1] - known[0]
        _, lo, hi = corrected_interval(gap, 1 / (folds - 1))
        half = stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
        _, low, high = corrected_interval(found[:, 0], 1 / (folds - 1))
        held += [lo <= true_gap <= hi, abs(gap.mean() - true_gap) <= half, low <= known[0] <= high]
        widths += [hi - lo, 2 * half]
    return Coverage(*(held / studies), *(widths / studies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400, help="data sets in a cell")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    options = parser.parse_args()
    rows = []
    for n in (40, 100, 400):
        for folds, repeats in ((5, 1), (5, 10), (10, 1), (10, 10)):
            studies = options.studies if repeats == 1 else options.studies // 2
            one = coverage(n, folds, repeats, studies, options.seed)
            figures = [f"{v:.3f}" for v in (one.corrected, one.plain, one.accuracy)]
            widths = [f"{100 * v:.1f}" for v in (one.width, one.plain_width)]
            rows.append([str(n), str(folds), str(repeats), *figures, *widths])
    head = ["pictures", "folds", "repeats", "covers the gap", "uncorrected", "covers an accuracy"]
    table([*head, "width, points", "uncorrected"], rows)


if __name__ == "__main__":
    main()
