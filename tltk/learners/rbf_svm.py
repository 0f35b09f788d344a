"""Support vector machine with a Gaussian kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tltk.learners.learner import Grid, Learner


@dataclass(frozen=True)
class RbfSvm(Learner):
    """Support vector machine with a Gaussian kernel, one class against another.

    min_w,b ½ ‖w‖² + C Σ_i max(0, 1 − y_i (w·φ(x_i) + b)), φ(x)·φ(x′) = exp(−γ ‖x − x′‖²).

    Its boundaries bend, which helps where classes are not split by planes and there are labels enough to tell.

    Reference: Cortes and Vapnik (1995), Support-vector networks, Machine Learning 20, eq. 12 and §4; as Chang and Lin
    (2011), LIBSVM: a library for support vector machines, ACM TIST 2(3), solve it.
    """

    def grid(self, n: int, d: int) -> Grid:
        """The weight of the errors, and γ as multiples of 1/d: squared distances of standardised features grow with d.

        Args:
            n: Training pictures.
            d: Features.
        """
        return {"C": (10.0, 1.0, 100.0), "gamma": (0.3 / d, 0.1 / d, 1.0 / d)}

    def estimator(self, seed: int, **chosen: Any) -> Any:
        """By sequential minimal optimisation."""
        from sklearn.svm import SVC

        return SVC(kernel="rbf", **chosen)
