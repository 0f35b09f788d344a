"""Linear discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class Lda(Learner):
    """Linear discriminant analysis: each class a Gaussian, all with one covariance that is shrunk to the identity.

    δ_c(x) = x·Σ⁻¹μ_c − ½ μ_c·Σ⁻¹μ_c + log π_c, Σ = (1 − s) S + s (tr S / d) I, S the covariance within classes.

    With enough shrinkage it needs few labels, since what is shared by all classes is learned from all of them.

    Reference: Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7; Hastie,
    Tibshirani and Friedman (2009), The elements of statistical learning, eq. 4.10; shrinkage: Ledoit and Wolf (2004), A
    well-conditioned estimator for large-dimensional covariance matrices, JMVA 88.
    """

    takes_weights: ClassVar[bool] = False

    def grid(self, n: int, d: int) -> Grid:
        """The share of the identity in the covariance.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"shrinkage": (0.5, 0.01, 0.1, 0.9, 1.0)}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """By a linear solver."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(solver="lsqr", **chosen)
