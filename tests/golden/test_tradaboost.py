"""TrAdaBoost: its weights and its vote by the paper's two-class equations; SAMME's with more; what it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from tltk.errors import BadSpec
from tltk.learners import Learner, learners
from tltk.learners.learner import Value
from tltk.learners.search import refit
from tltk.learners.tradaboost import LEAST, tradaboost


@dataclass(frozen=True)
class Told(Learner):
    """Names the classes that it was told to, a row for each round, and keeps the weights that it got."""

    answers: Any
    weights: Any

    def grid(self, n: int, d: int) -> dict[str, Any]:
        return {}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        told, kept = self.answers, self.weights

        class Estimator(BaseEstimator):
            def fit(self, x: Any, y: Any, sample_weight: Any) -> None:
                self.answer_ = told[len(kept)]
                kept.append(sample_weight)

            def predict(self, x: Any) -> Any:
                return self.answer_[: len(x)]

        return Estimator()


def told(n: int, rounds: int, classes: int, wrong: float, seed: int) -> tuple[Any, Any, Any]:
    """Labels of n pictures, and what is said of them in each round."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    other = (labels + rng.integers(1, classes, (rounds, n))) % classes
    return labels, np.where(rng.random((rounds, n)) < wrong, other, labels), np.arange(float(n))[:, None]


def test_weights_and_vote_are_those_of_the_paper() -> None:
    """Dai et al. (2007), Algorithm 1, a picture after the other; c and h are 0 or 1."""
    n, m, rounds = 30, 25, 7
    c, h, x = told(n + m, rounds, 2, 0.35, 0)
    kept: list[Any] = []
    found = tradaboost(Told(h, kept), {}, x, c, n, rounds=rounds)
    w = [1.0] * (n + m)
    beta = 1 / (1 + (2 * np.log(n) / rounds) ** 0.5)
    betas = []
    for t in range(rounds):
        total = sum(w)
        np.testing.assert_allclose(kept[t], [(n + m) * one / total for one in w], rtol=1e-12)
        error = sum(w[i] * abs(h[t, i] - c[i]) for i in range(n, n + m)) / sum(w[n:])
        betas.append(error / (1 - error))
        for i in range(n + m):
            gap = abs(int(h[t, i]) - int(c[i]))
            w[i] *= beta**gap if i < n else betas[-1] ** -gap
    assert found.beta == pytest.approx(beta, rel=1e-12)
    np.testing.assert_allclose(found.betas, betas, rtol=1e-12)
    assert min(betas) > 0 and max(betas) < 1, "each round errs, and is better than chance"
    np.testing.assert_allclose(found.weights, np.array(w[:n]) / np.mean(w[:n]), rtol=1e-12)
    second = range(int(np.ceil(rounds / 2)) - 1, rounds)  # rounds ⌈N/2⌉ … N
    answer = [
        int(np.prod([betas[t] ** -float(h[t, i]) for t in second]) >= np.prod([betas[t] ** -0.5 for t in second]))
        for i in range(n + m)
    ]
    assert 0 < sum(answer) < n + m and found.predict(x).tolist() == answer


def test_more_classes_vote_as_in_samme() -> None:
    """Zhu et al. (2009), Algorithm 2: α = ln((1 − ε)/ε) + ln(K − 1), and the target's weights grow by e^α."""
    n, m, rounds = 40, 80, 4
    c, h, x = told(n + m, rounds, 4, 0.55, 2)
    kept: list[Any] = []
    found = tradaboost(Told(h, kept), {}, x, c, n, rounds=rounds)
    w, votes, errors = np.ones(m), np.zeros((n + m, 4)), list[float]()
    for t in range(rounds):
        miss = h[t, n:] != c[n:]
        error = (w * miss).sum() / w.sum()
        errors.append(error)
        alpha = np.log((1 - error) / error) + np.log(3)
        np.testing.assert_allclose(kept[t][n:] / kept[t][n:].sum(), w / w.sum(), rtol=1e-12)
        w = w * np.exp(alpha * miss)
        if t >= 1:
            votes[np.arange(n + m), h[t]] += alpha
    assert max(errors) > 0.5 and max(errors) < 0.75, "worse than a half, better than chance"
    assert found.predict(x).tolist() == votes.argmax(1).tolist()


def test_a_round_without_error_and_one_that_is_no_better_than_chance() -> None:
    c = np.array([0, 1] * 4)
    x = np.arange(8.0)[:, None]
    right, wrong = c.copy(), 1 - c
    found = tradaboost(Told(np.stack([right, wrong, wrong]), []), {}, x, c, 4, rounds=3)
    assert found.betas[0] == LEAST and found.betas[1] == found.betas[2] == 1 - LEAST
    assert found.predict(x).tolist() == wrong.tolist(), "the second half has nothing else to say"


def test_what_cannot_be_boosted_is_refused() -> None:
    x, c = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    for n in (0, 4):
        with pytest.raises(BadSpec, match="both domains"):
            tradaboost(learners["ridge"](), {}, x, c, n)
    with pytest.raises(BadSpec, match="must take weights"):
        tradaboost(learners["knn"](), {}, x, c, 2)


@pytest.fixture(scope="module")
def accuracies() -> dict[float, Any]:
    """Share of the source that follows the target's rule, the rest another → accuracy of 12 draws, (12, 3): boosted, on
    all alike, on the target's 20 pictures alone; and the weight that pictures of either rule have."""
    found = {}
    ridge, chosen = learners["ridge"](), dict[str, Value](alpha=1.0)
    for share in (1.0, 0.5, 0.0):
        rows = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            rule, other = rng.normal(size=(2, 10))
            other -= rule @ other / (rule @ rule) * rule
            follow = np.arange(200) < 200 * share
            x, test = rng.normal(size=(220, 10)), rng.normal(size=(500, 10))
            follow = np.concatenate([follow, np.ones(20, bool)])
            c = np.where(follow, x @ rule > 0, x @ other > 0).astype(np.int64)
            boosted = tradaboost(ridge, chosen, x, c, 200)
            fits = (boosted, refit(ridge, chosen, x, c), refit(ridge, chosen, x[200:], c[200:]))
            right = [(one.predict(test) == (test @ rule > 0)).mean() for one in fits]
            weight = [boosted.weights[follow[:200] == kind].mean() if share == 0.5 else 1.0 for kind in (True, False)]
            rows.append([*right, *weight])
        found[share] = np.mean(rows, 0)
    return found


def test_it_helps_where_a_part_of_the_source_holds(accuracies: dict[float, Any]) -> None:
    boosted, alike, alone, follows, contradicts = accuracies[0.5]
    assert boosted > alike + 0.03 and boosted > alone
    assert follows > 1.2 * contradicts


def test_it_does_not_where_all_of_the_source_holds_or_none(accuracies: dict[float, Any]) -> None:
    boosted, alike, *_ = accuracies[1.0]
    assert alike > boosted + 0.03, "pictures that were right are thrown away"
    boosted, alike, alone, *_ = accuracies[0.0]
    assert alone > boosted + 0.05 > alike, "it forgets less than all of a source that says nothing"
