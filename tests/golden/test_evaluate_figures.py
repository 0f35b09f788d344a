"""Figures of an evaluation against scikit-learn and SciPy, in float64, intervals included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from sklearn import metrics

from tltk.analyses.evaluate import figures
from tltk.verdicts.metrics import confusion

N, CLASSES = 240, 5


def example(seed: int = 0, classes: int = CLASSES, ties: bool = False) -> tuple[figures.Floats, figures.Ints]:
    """Logits that know something, unequal classes, one of them absent where there are five; perhaps with many ties."""
    rng = np.random.default_rng(seed)
    weights = np.array([8, 4, 2, 1, 0])[:classes] if classes == CLASSES else np.ones(classes)
    labels = rng.choice(classes, N, p=weights / weights.sum())
    logits = rng.normal(size=(N, classes)) * 1.5 + 2 * np.eye(classes)[labels]
    return (np.round(logits) if ties else logits), labels.astype(np.int64)


def recall_at_5_fpr(y: np.ndarray, scores: np.ndarray) -> float:
    fpr, tpr, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    return float(tpr[fpr <= 0.05 + 1e-12].max())


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_figures_of_each_class_are_scikit_learns(seed: int, ties: bool) -> None:
    logits, labels = example(seed, ties=ties)
    p = figures.softmax(logits)
    np.testing.assert_allclose(p, softmax(logits, 1), rtol=1e-12)
    told = figures.class_scores(p, labels, [*"abcde"], [*range(CLASSES)])
    every = [*range(CLASSES)]
    precision, recall, f1, n = metrics.precision_recall_fscore_support(
        labels, p.argmax(1), labels=every, zero_division=0
    )
    for c, one in enumerate(told):
        assert one.n == n[c] and one.predicted == (p.argmax(1) == c).sum()
        assert (one.precision or 0) == pytest.approx(precision[c]) and (one.recall or 0) == pytest.approx(recall[c])
        assert (one.f1 or 0) == pytest.approx(f1[c])
        if n[c]:
            assert one.auc == pytest.approx(metrics.roc_auc_score(labels == c, p[:, c]), rel=1e-12)
            assert one.average_precision == pytest.approx(
                metrics.average_precision_score(labels == c, p[:, c]), rel=1e-12
            )
            assert one.recall_at_5_fpr == pytest.approx(recall_at_5_fpr(labels == c, p[:, c]), rel=1e-12)
        else:
            assert one.auc is one.average_precision is one.recall is one.recall_at_5_fpr is None
    table = confusion(p.argmax(1), labels, CLASSES)
    np.testing.assert_array_equal(table, metrics.confusion_matrix(labels, p.argmax(1), labels=every))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, CLASSES])
def test_means_over_classes_and_their_intervals_are_scikit_learns_on_the_same_resamples(
    classes: int, ties: bool
) -> None:
    logits, labels = example(3, classes, ties)
    p, there = figures.softmax(logits), np.unique(labels)
    found = figures.intervals(p, labels, 40, seed=7)

    def by_scikit_learn(at: np.ndarray) -> dict[str, float]:
        y, q = labels[at], p[at]
        kept = [c for c in there if 0 < (y == c).sum() < len(y)]
        return {
            "balanced_accuracy": metrics.recall_score(y, q.argmax(1), labels=np.unique(y), average="macro"),
            "macro_f1": metrics.f1_score(y, q.argmax(1), average="macro", zero_division=0),
            "auc": float(np.mean([metrics.roc_auc_score(y == c, q[:, c]) for c in kept])),
            "average_precision": float(np.mean([metrics.average_precision_score(y == c, q[:, c]) for c in kept])),
            "recall_at_5_fpr": float(np.mean([recall_at_5_fpr(y == c, q[:, c]) for c in kept])),
        }

    whole = by_scikit_learn(np.arange(N))
    counts = np.concatenate([*figures.draws(N, 40, seed=7)])
    assert counts.shape == (40, N) and (counts.sum(1) == N).all()
    each = [by_scikit_learn(np.repeat(np.arange(N), row.astype(int))) for row in counts]
    for name, figure in found.items():
        assert figure.value == pytest.approx(whole[name], rel=1e-12), name
        lo, hi = np.quantile([one[name] for one in each], [0.025, 0.975])
        assert (figure.lo, figure.hi) == (pytest.approx(lo, rel=1e-12), pytest.approx(hi, rel=1e-12)), name


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth, inside = 0.7601845382, 0  # P(x + 1 > y) of two standard normals: Φ(1/√2)
    for seed in range(60):
        labels = np.repeat([0, 1], 100)
        score = rng.normal(size=200) + labels
        p = 1 / (1 + np.exp(-np.stack([-score, score], 1)))
        auc = figures.intervals(p, labels, 200, seed)["auc"]
        assert auc.lo is not None and auc.hi is not None
        inside += auc.lo <= truth <= auc.hi
    assert 51 <= inside <= 60  # 57 of 60 are expected


def test_calibration_is_that_of_the_equation() -> None:
    logits, labels = example(2)
    found = figures.reliability(logits, labels, 1.7)
    p = softmax(logits / 1.7, 1)
    confidence, right = p.max(1), (p.argmax(1) == labels).astype(float)
    edges, ece = np.linspace(0, 1, 16), 0.0
    for one, lo, hi in zip(found.bins, edges[:-1], edges[1:], strict=True):
        mine = (confidence > lo) & (confidence <= hi)
        assert one.n == mine.sum()
        if mine.any():
            assert one.confidence == pytest.approx(confidence[mine].mean()) and one.accuracy == right[mine].mean()
            ece += mine.mean() * abs(confidence[mine].mean() - right[mine].mean())
    assert found.ece == pytest.approx(ece, rel=1e-12)
    assert found.loss == pytest.approx(metrics.log_loss(labels, p, labels=[*range(CLASSES)]), rel=1e-12)
    assert found.brier == pytest.approx(((p - np.eye(CLASSES)[labels]) ** 2).sum(1).mean(), rel=1e-12)


def test_the_temperature_is_where_the_slope_of_the_loss_is_nought() -> None:
    for seed, scale in ((0, 1.0), (1, 6.0), (2, 0.2)):
        logits, labels = example(seed)
        logits = logits * scale

        def slope(beta: float, z: figures.Floats = logits, y: figures.Ints = labels) -> float:
            """d/dβ of the mean loss at z β, β = 1/T: E_p[z] − z_y."""
            q = np.exp(log_softmax(z * beta, 1))
            return float(((q * z).sum(1) - z[np.arange(N), y]).mean())

        assert figures.fit_temperature(logits, labels) == pytest.approx(1 / brentq(slope, 1e-3, 90), rel=1e-5)


def test_a_perfect_validation_set_fits_no_temperature() -> None:
    for scale in (0.1, 4.0):
        assert figures.fit_temperature(np.eye(3)[[0, 1, 2, 0]] * scale, np.array([0, 1, 2, 0])) == 1


def test_the_threshold_is_the_best_of_the_roc_curve() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        positive = rng.random(80) < 0.2
        scores = np.round(1 / (1 + np.exp(-rng.normal(size=80) - positive)), 2)
        t = figures.best_threshold(scores, positive)
        fpr, tpr, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
        here = metrics.balanced_accuracy_score(positive, scores >= t)
        assert here == pytest.approx(((tpr + 1 - fpr) / 2).max(), rel=1e-12)


def test_one_class_alone_has_no_ranking() -> None:
    logits, _ = example()
    found = figures.intervals(figures.softmax(logits), np.zeros(N, np.int64), 10, 0)
    assert set(found) == {"balanced_accuracy", "macro_f1"}
    assert figures.class_scores(figures.softmax(logits), np.zeros(N, np.int64), [*"abcde"], [0])[0].auc is None
