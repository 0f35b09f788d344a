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
    balanced_accuracy,
    confusion,
    example_scores,
    macro_f1,
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
