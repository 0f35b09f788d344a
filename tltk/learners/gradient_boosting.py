"""Gradient boosting of trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class GradientBoosting(Learner):
    """Gradient boosting: small trees on binned features, each fitted to what those before it left over.

    F_t = F_{t−1} + ν h_t, h_t the tree that lowers Σ_i −log softmax(F(x_i))_{y_i} + λ/2 Σ_leaf w² most, by its
    gradient and curvature.

    It finds thresholds and interactions of single features. Features of networks are spread over many directions, so
    it is often behind linear learners, and needs many labels.

    Reference: Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of Statistics 29,
    algorithm 6; binned as by Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """

    def grid(self, n: int, d: int) -> Grid:
        """Leaves of a tree.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"max_leaf_nodes": (4, 16)}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """Fifty rounds at rate 0.1; each split looks at a random tenth of the features, in 31 bins."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=50,
            max_bins=31,
            max_features=0.1,
            min_samples_leaf=5,
            early_stopping=False,
            random_state=seed,
            **chosen,
        )
