"""Nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class Knn(Learner):
    """Nearest neighbours: the class that most of the k training pictures nearest to a picture have.

    ŷ(x) = argmax_c Σ_{i ∈ N_k(x)} [y_i = c].

    It learns nothing, so it shows what the distances between features are worth by themselves.

    Reference: Cover and Hart (1967), Nearest neighbor pattern classification, IEEE
    Transactions on Information Theory 13.
    """

    takes_weights: ClassVar[bool] = False

    def grid(self, n: int, d: int) -> Grid:
        """How many neighbours, at most as many as there are, and the distance.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"n_neighbors": tuple(k for k in (1, 3, 5, 10, 20) if k <= n), "metric": ("cosine", "euclidean")}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """By comparing with all."""
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(algorithm="brute", **chosen)
