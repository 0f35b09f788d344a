"""Linear support vector machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class LinearSvm(Learner):
    """Linear support vector machine: one class against the rest, with the squared hinge loss.

    min_w,b ½ ‖w‖² + C Σ_i max(0, 1 − y_i (w·x_i + b))², y_i = ±1, for each class.

    Only pictures near a boundary decide where it lies. Usually level with logistic regression.

    Reference: Fan, Chang, Hsieh, Wang and Lin (2008), LIBLINEAR: a library for large linear classification,
    JMLR 9, eq. 3.
    """

    def grid(self, n: int, d: int) -> Grid:
        """The weight of the errors.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"C": (0.001, 0.00001, 0.0001, 0.01, 0.1)}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """By coordinate descent."""
        from sklearn.svm import LinearSVC

        return LinearSVC(dual="auto", max_iter=5000, random_state=seed, **chosen)
