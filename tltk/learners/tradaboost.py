"""TrAdaBoost: a learner boosted on a source and a few labelled pictures of the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tltk.errors import BadSpec
from tltk.learners.learner import Learner, Value
from tltk.learners.search import Fitted, Floats, Ints, refit

LEAST = 1e-10  # β_t of a round that makes no error on the target; its vote would else be infinite


@dataclass(frozen=True, eq=False)
class Boosted:
    """A learner after `tradaboost`.

    Attributes:
        rounds: Each round's fit.
        beta: β of the source.
        betas: β_t of each round, (N,).
        weights: Of the source's pictures after the last round, (n,), 1 on average.
        classes: Class numbers, (K,).
    """

    rounds: list[Fitted]
    beta: float
    betas: Floats
    weights: Floats
    classes: Ints

    def predict(self, x: Floats) -> Ints:
        """The class with the most votes of the second half of the rounds, a tie for the class of the least number.

        Args:
            x: (m, d).
        """
        first = -(-len(self.rounds) // 2) - 1  # round ⌈N/2⌉, from 0
        votes = np.zeros((len(x), len(self.classes)))
        for fitted, beta in zip(self.rounds[first:], self.betas[first:], strict=True):
            votes += np.log(1 / beta) * (fitted.predict(x)[:, None] == self.classes)
        found: Ints = self.classes[votes.argmax(1)]
        return found


def tradaboost(
    learner: Learner,
    chosen: dict[str, Value],
    x: Floats,
    labels: Ints,
    n_source: int,
    *,
    rounds: int = 20,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> Boosted:
    """Pictures of the source that contradict the target lose weight, those of the target that are missed gain it.

    In round t = 1 … N the learner is fitted with weights p = w / Σ w (times n + m, so that they are 1 on average), then
    ε_t = Σ_T w_i [h_t(x_i) ≠ y_i] / Σ_T w_i,  β_t = ε_t / ((1 − ε_t)(K − 1)),  β = 1 / (1 + √(2 ln n / N));
    source: w_i ← w_i β^[h_t(x_i) ≠ y_i],  target: w_i ← w_i β_t^(−[h_t(x_i) ≠ y_i]);
    answer: argmax_c Σ_{t ≥ ⌈N/2⌉} ln(1/β_t) [h_t(x) = c].

    With two classes this is the paper's algorithm; K − 1 in β_t makes the vote that of SAMME with more, so that a round
    counts if it is better than chance, ε_t < 1 − 1/K. A round that is not gets no vote and leaves the target's weights;
    β_t is kept within 10⁻¹⁰ and 1.

    It helps where a part of the source holds for the target too and a few labels of the target tell which. Where all of
    the source does, it throws pictures away; where none does, it is worse than the target's few labels alone. A learner
    that fits every picture of the target makes no errors there: then only the source's weights move.

    Reference:
        Dai, Yang, Xue and Yu (2007), Boosting for transfer learning, ICML, Algorithm 1; classes by Zhu, Zou, Rosset and
        Hastie (2009), Multi-class AdaBoost, Statistics and Its Interface 2, Algorithm 2.

    Args:
        learner: Which; it must take weights.
        chosen: Its hyper-parameters, the same in all rounds.
        x: Features of the source's pictures, then of the target's, (n + m, d).
        labels: Their class numbers, (n + m,).
        n_source: n.
        rounds: N.
        seed: Of the learner.
        check: Called before each round; may raise to stop.

    Raises:
        BadSpec: The learner takes no weights, or one of the domains has no picture.
    """
    n = n_source
    if not 0 < n < len(x):
        raise BadSpec(
            f"TrAdaBoost needs pictures of both domains. Got {n} of the source and {len(x) - n} of the target."
        )
    if not learner.takes_weights:
        raise BadSpec("A learner must take weights to be boosted. It does not; leave it out.")
    classes = np.unique(labels)
    beta = 1 / (1 + np.sqrt(2 * np.log(n) / rounds))
    w = np.ones(len(x))
    fits, betas = [], []
    for _ in range(rounds):
        check()
        p = w / w.sum()
        fits.append(refit(learner, chosen, x, labels, seed=seed, weights=p * len(x)))
        wrong = fits[-1].predict(x) != labels
        error = float(w[n:] @ wrong[n:] / w[n:].sum())
        odds = np.inf if error == 1 else error / ((1 - error) * (len(classes) - 1))
        betas.append(min(max(odds, LEAST), 1 - LEAST))
        w = p * np.where(wrong, np.repeat([beta, 1 / betas[-1]], [n, len(x) - n]), 1.0)
    return Boosted(fits, float(beta), np.array(betas), w[:n] / w[:n].mean(), classes)
