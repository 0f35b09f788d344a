"""Multinomial logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class LogisticRegression(Learner):
    """Logistic regression: a linear map of the features to class probabilities, with an L2 penalty.

    min_W,b C Σ_i −log softmax(W x_i + b)_{y_i} + ½ ‖W‖².

    The usual linear probe. It is hard to beat where few labels meet many features, and its probabilities can be used.

    Reference: Hastie, Tibshirani and Friedman (2009), The elements of statistical learning, §4.4, eq. 4.20.
    """

    def grid(self, n: int, d: int) -> Grid:
        """The inverse strength of the penalty.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"C": (0.01, 0.0001, 0.001, 0.1, 1.0)}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """By L-BFGS."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1000, random_state=seed, **chosen)
