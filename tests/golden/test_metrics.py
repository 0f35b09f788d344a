"""Metrics and their pseudo-values, against scikit-learn and against leaving out each example in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as theirs

from tltk.errors import BadSpec
from tltk.verdicts.judge import judge, mean_interval, paired_interval
from tltk.verdicts.metrics import (
    area_under_curve,
    average_precision,
    balanced_accuracy,
    confusion,
    example_scores,
    macro_f1,
    rarer_class,
    recall_at_false_positives,
    without_skill,
)

C = 4


def drawn(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.choice(C, n, p=[0.6, 0.2, 0.15, 0.05])
    labels[:C], labels[C : 2 * C] = np.arange(C), np.arange(C)
    return np.where(draw.random(n) < 0.7, labels, draw.integers(0, C, n)), labels


def figure(metric: str) -> Callable[[np.ndarray, np.ndarray], float]:
    if metric == "balanced_accuracy":
        return lambda guess, y: float(theirs.balanced_accuracy_score(y, guess))
    return lambda guess, y: float(theirs.f1_score(y, guess, average="macro"))


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    guess, y = drawn(seed=seed)
    table = confusion(guess, y, C)
    assert float(balanced_accuracy(table)) == pytest.approx(figure("balanced_accuracy")(guess, y), rel=1e-12)
    assert float(macro_f1(table)) == pytest.approx(figure("macro_f1")(guess, y), rel=1e-12)
    margins = np.round(np.random.default_rng(seed).normal(size=60) + (y > 0), 1)  # with ties
    assert area_under_curve(margins, y > 0) == pytest.approx(theirs.roc_auc_score(y > 0, margins), rel=1e-12)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_pseudo_values_are_those_of_leaving_out_each_example(metric: str) -> None:
    guess, y = drawn()
    whole, n = figure(metric)(guess, y), len(y)
    left = [n * whole - (n - 1) * figure(metric)(np.delete(guess, i), np.delete(y, i)) for i in range(n)]
    assert example_scores(metric, guess, y, C) == pytest.approx(left, rel=1e-10)


def test_pseudo_values_of_the_area_are_those_of_leaving_out_each_example() -> None:
    draw = np.random.default_rng(1)
    y = (draw.random(50) < 0.3).astype(int)
    margins = np.round(draw.normal(size=50) + y, 1)
    whole = theirs.roc_auc_score(y, margins)
    left = [50 * whole - 49 * theirs.roc_auc_score(np.delete(y, i), np.delete(margins, i)) for i in range(50)]
    assert example_scores("auc", margins > 0, y, 2, list(margins)) == pytest.approx(left, rel=1e-10)


def ranked(n: int = 80, share: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and labels of which so many are 1."""
    draw = np.random.default_rng(seed)
    y = (np.arange(n) < share * n).astype(int)
    return np.round(draw.normal(size=n) + y, 1), y


def recall(y: np.ndarray, scores: np.ndarray, most: float = 0.05) -> float:
    fpr, tpr, _ = theirs.roc_curve(y, scores, drop_intermediate=False)
    return float(tpr[fpr <= most + 1e-12].max())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_figures_of_the_rarer_class_are_those_of_scikit_learn(share: float, seed: int) -> None:
    scores, y = ranked(share=share, seed=seed)
    assert average_precision(scores, y == 1) == pytest.approx(theirs.average_precision_score(y, scores), rel=1e-12)
    for most in (0.0, 0.01, 0.05, 0.3, 1.0):
        assert recall_at_false_positives(scores, y == 1, most) == pytest.approx(recall(y, scores, most), rel=1e-12)


def test_a_share_of_false_positives_that_is_met_exactly_counts() -> None:
    scores, y = np.arange(41.0)[::-1], np.zeros(41, int)
    y[[0, 3]] = 1  # behind the second positive stand 2 of 39 negatives, above it too: more than 5%
    assert recall_at_false_positives(scores, y == 1) == 0.5
    assert recall_at_false_positives(scores[:-1], np.delete(y, 5) == 1, 2 / 38) == 1.0


def test_the_rarer_class_is_positive_whichever_number_it_has() -> None:
    scores, y = ranked()
    assert (rarer_class(y) == (y == 1)).all() and (rarer_class(1 - y) == (y == 1)).all()
    assert rarer_class(np.array([0, 1])).tolist() == [False, True]
    for metric in ("average_precision", "recall_at_5_fpr"):
        one = example_scores(metric, scores > 0, y, 2, list(scores))
        assert example_scores(metric, scores <= 0, 1 - y, 2, list(-scores)) == pytest.approx(one)


@pytest.mark.parametrize("seed", range(4))
def test_pseudo_values_of_average_precision_are_those_of_leaving_out_each_example(seed: int) -> None:
    scores, y = ranked(50, seed=seed)
    whole = theirs.average_precision_score(y, scores)
    left = [
        50 * whole - 49 * theirs.average_precision_score(np.delete(y, i), np.delete(scores, i)) for i in range(len(y))
    ]
    assert example_scores("average_precision", scores > 0, y, 2, list(scores)) == pytest.approx(left, rel=1e-9)


def test_scores_of_recall_have_the_variance_of_the_theorem() -> None:
    """R(1 − R)/n₊ + R′² F(1 − F)/n₋, written out; and their mean is the recall itself."""
    scores, y = ranked(400, seed=3)
    found = example_scores("recall_at_5_fpr", scores > 0, y, 2, list(scores))
    r = recall(y, scores)
    assert found.mean() == pytest.approx(r, rel=1e-12)
    slope = (recall(y, scores, 0.1) - recall(y, scores, 0.0)) / 0.1
    fpr, tpr, _ = theirs.roc_curve(y, scores, drop_intermediate=False)
    f, (n_hits, n_misses) = fpr[fpr <= 0.05 + 1e-12].max(), ((y == 1).sum(), (y == 0).sum())
    wanted = r * (1 - r) / n_hits + slope**2 * f * (1 - f) / n_misses
    assert found.var() / len(y) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("metric", ["average_precision", "recall_at_5_fpr"])
def test_intervals_of_the_rarer_class_cover_the_truth(metric: str) -> None:
    """Scores of two normals a deviation and a half apart, a tenth positive: about so many intervals hold the truth."""
    draw, held, y = np.random.default_rng(7), [], (np.arange(600) < 60).astype(int)
    many = draw.normal(size=400_000) + 1.5 * (np.arange(400_000) < 40_000)
    known = np.arange(400_000) < 40_000
    truth = average_precision(many, known) if metric == "average_precision" else recall_at_false_positives(many, known)
    for _ in range(200):
        scores = draw.normal(size=600) + 1.5 * y
        _, low, high = mean_interval(np.array([example_scores(metric, scores > 0, y, 2, list(scores))]))
        held.append(low <= truth <= high)
    assert 0.9 <= np.mean(held) <= 1.0


def test_what_takes_no_learning_is_what_chance_gets() -> None:
    draw = np.random.default_rng(0)
    y = (np.arange(4000) < 200).astype(int)
    orders = [draw.random(4000) for _ in range(20)]
    area = np.mean([theirs.roc_auc_score(y, s) for s in orders])
    assert without_skill("auc", y, 2).mean() == pytest.approx(area, abs=0.01)
    precise = np.mean([theirs.average_precision_score(y, s) for s in orders])
    assert without_skill("average_precision", y, 2).mean() == pytest.approx(precise, abs=0.01)
    assert without_skill("recall_at_5_fpr", y, 2).mean() == pytest.approx(
        np.mean([recall(y, s) for s in orders]), abs=0.01
    )
    assert without_skill("accuracy", y, 2).mean() == 0.95
    assert without_skill("balanced_accuracy", y, 2).mean() == pytest.approx(0.5, abs=2e-3)


def test_accuracy_needs_no_pseudo_values() -> None:
    guess, y = drawn()
    assert example_scores("accuracy", guess, y, C) == pytest.approx((guess == y).astype(float))


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_their_mean_is_the_figure_but_for_its_bias(metric: str) -> None:
    guess, y = drawn(600)
    assert example_scores(metric, guess, y, C).mean() == pytest.approx(figure(metric)(guess, y), abs=2e-3)


def test_the_area_is_of_two_classes_with_two_examples_each() -> None:
    for labels, classes, margins in (([0, 1, 2], 3, []), ([0, 0, 1], 2, [0.0, 0.1, 0.2]), ([0, 0, 1, 1], 2, [])):
        with pytest.raises(BadSpec, match="balanced_accuracy"):
            example_scores("auc", labels, labels, classes, margins)
        with pytest.raises(BadSpec, match="balanced_accuracy"):
            example_scores("average_precision", labels, labels, classes, margins)


def test_an_interval_of_pseudo_values_of_rare_classes_is_not_narrower_than_what_one_of_them_could_do() -> None:
    none = np.zeros((3, 100))
    assert paired_interval(none, scale=5.0)[2] == pytest.approx(5 * paired_interval(none)[2])


def test_an_arm_may_have_scores_beyond_one() -> None:
    guess, y = drawn(400)
    mean, low, high = mean_interval(np.array([example_scores("balanced_accuracy", guess, y, C)] * 3))
    assert 0 <= low < mean < high <= 1


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_the_interval_covers_the_figure_of_all_examples(metric: str) -> None:
    """Arms of known recall on 400 examples of four unlike classes: 95% intervals hold the true gap about so often."""
    draw, held = np.random.default_rng(5), []
    shares, recall = np.array([0.5, 0.25, 0.15, 0.1]), (np.array([0.9, 0.7, 0.6, 0.5]), np.array([0.8, 0.75, 0.7, 0.7]))
    counts = (shares * 400).astype(int)
    y = np.repeat(np.arange(C), counts)
    # Of those that are wrong, the next class is named.
    tables = [np.diag(counts * r) + np.roll(np.diag(counts * (1 - r)), 1, axis=1) for r in recall]
    true = float(np.subtract(*[(balanced_accuracy if metric == "balanced_accuracy" else macro_f1)(t) for t in tables]))
    for _ in range(300):
        arms = []
        for r in recall:
            seeds = [np.where(draw.random(400) < r[y], y, (y + 1) % C) for _ in range(3)]
            arms.append(np.array([example_scores(metric, guess, y, C) for guess in seeds]))
        _, low, high = paired_interval(arms[0] - arms[1])
        held.append(low <= true <= high)
    assert 0.92 <= np.mean(held) <= 1.0


def test_a_verdict_names_its_metric_and_leaves_classes_to_accuracy() -> None:
    guess, y = drawn(200)
    a = [example_scores("macro_f1", guess, y, C)] * 3
    b = [example_scores("macro_f1", y, y, C)] * 3
    found = judge(a, b, labels=list(y), metric="macro_f1")
    assert found.metric == "macro_f1" and not found.per_class
    assert "by macro-F1" in found.sentence
    with pytest.raises(BadSpec, match="from 0 to 1"):
        judge(a, b)
