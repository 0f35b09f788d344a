"""Confident learning against its equations, written out example by example; planted errors and a clean control."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from tltk.errors import BadSpec
from tltk.probes.confident_learning import find_label_issues
from tltk.probes.linear import out_of_fold_probabilities


def blobs(n: int = 600, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_blobs(n, 6, centers=classes, cluster_std=1.5, random_state=0)
    return x, y.astype(np.int64)


def with_errors(y: np.ndarray, share: float, classes: int = 4) -> np.ndarray:
    draw = np.random.default_rng(1)
    noisy, at = y.copy(), draw.choice(len(y), round(share * len(y)), replace=False)
    noisy[at] = (y[at] + draw.integers(1, classes, len(at))) % classes
    return noisy


def probabilities(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    found: np.ndarray = out_of_fold_probabilities(torch.from_numpy(x), torch.from_numpy(labels)).numpy()
    return found


def test_the_confident_joint_is_equation_1() -> None:
    draw = np.random.default_rng(0)
    p = draw.dirichlet([0.7, 1.0, 0.4], 200)
    labels = np.array([draw.choice(3, p=row) for row in p])
    found = find_label_issues(p, labels)
    t = [np.mean([p[i][j] for i in range(200) if labels[i] == j]) for j in range(3)]  # eq. 2
    joint = [[0] * 3 for _ in range(3)]
    for i in range(200):
        passing = [j for j in range(3) if p[i][j] >= t[j]]
        if passing:
            joint[labels[i]][max(passing, key=lambda j: p[i][j])] += 1
    assert found.thresholds == pytest.approx(t, abs=1e-12)
    assert found.joint.tolist() == joint
    counts = [list(labels).count(j) for j in range(3)]
    q = np.array([[joint[i][j] / sum(joint[i]) * counts[i] for j in range(3)] for i in range(3)])  # eq. 3
    assert found.share == pytest.approx(q / q.sum(), abs=1e-12)
    assert found.noise == pytest.approx((q.sum() - np.trace(q)) / q.sum())
    wrong: set[int] = set()
    for i in range(3):
        for j in {0, 1, 2} - {i}:  # method 4
            mine = sorted((n for n in range(200) if labels[n] == i), key=lambda n: p[n][i] - p[n][j])
            wrong |= {n for n in mine[: round(200 * q[i][j] / q.sum())] if p[n][j] > p[n][i]}
    assert set(np.flatnonzero(found.wrong)) == wrong and 0 < len(wrong) < 200
    assert found.margin[7] == pytest.approx(p[7][labels[7]] - max(p[7][j] for j in range(3) if j != labels[7]))


def test_most_of_planted_errors_are_found_and_few_of_clean_labels_named() -> None:
    x, y = blobs()
    noisy = with_errors(y, 0.1)
    found = find_label_issues(probabilities(x, noisy), noisy)
    planted = noisy != y
    assert (found.wrong & planted).sum() >= 0.9 * planted.sum()
    assert (found.likely == y)[found.wrong & planted].all()
    assert (found.wrong & ~planted).sum() <= 0.02 * len(y)
    assert found.noise == pytest.approx(0.1, abs=0.03)
    assert planted[np.argsort(found.margin)[: planted.sum() // 2]].all(), "the worst margins are planted ones"
    clean = find_label_issues(probabilities(x, y), y)
    assert clean.wrong.sum() <= 0.02 * len(y) and clean.noise < 0.02


def test_a_class_of_which_nobody_is_sure_is_taken_at_its_word() -> None:
    p = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.3, 0.7, 0.0]])
    found = find_label_issues(p, np.array([0, 0, 1]))
    assert np.isnan(found.thresholds[2]) and not found.wrong.any()
    assert found.share[2].sum() == 0 and found.share.sum() == pytest.approx(1)


def test_what_cannot_be_meant_is_refused() -> None:
    for p, labels in (
        (np.ones((3, 1)), np.zeros(3, np.int64)),
        (np.ones((3, 2)), np.zeros(2, np.int64)),
        (np.ones((3, 2)), np.array([0, 1, 2])),
        (np.full((3, 2), np.nan), np.array([0, 1, 1])),
    ):
        with pytest.raises(BadSpec):
            find_label_issues(p, labels)


def test_nobody_is_judged_by_a_fit_that_has_seen_them() -> None:
    x, y = blobs(120)
    # Two folds, recomputed: standardised by the training half, C from the trace.
    shuffled = torch.randperm(120, generator=torch.Generator().manual_seed(5)).numpy()
    part = np.full(120, -1)
    part[shuffled[np.argsort(y[shuffled], kind="stable")]] = np.arange(120) % 2
    found = out_of_fold_probabilities(torch.from_numpy(x), torch.from_numpy(y), folds=2, seed=5).numpy()
    for fold in (0, 1):
        held = part == fold
        mean, std = x[~held].mean(0), x[~held].std(0)
        train = (x[~held] - mean) / std
        strength = 0.1 * np.trace(train.T @ train) / min(train.shape)
        model = LogisticRegression(C=1 / strength, max_iter=1000).fit(train, y[~held])
        assert found[held] == pytest.approx(model.predict_proba((x[held] - mean) / std), abs=1e-6)


def test_copies_go_to_one_fold() -> None:
    """A copy under the same wrong label would vouch for it."""
    x, y = blobs(200)
    x, labels = np.concatenate([x, x[:1]]), np.concatenate([y, y[:1]])
    labels[[0, 200]] = (y[0] + 1) % 4
    groups = torch.tensor([*range(200), 0])
    apart = out_of_fold_probabilities(torch.from_numpy(x), torch.from_numpy(labels), groups=groups).numpy()
    assert apart[0] == pytest.approx(apart[200])
    assert find_label_issues(apart, labels).wrong[[0, 200]].all()
