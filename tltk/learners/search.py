"""A learner's hyper-parameters by stratified cross-validation on training pictures alone, and the fit with the best."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tltk.errors import BadSpec
from tltk.learners.learner import Learner, Value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A learner after `fit`.

    Attributes:
        model: Standardises, then classifies.
        chosen: Hyper-parameter → value.
        folds: Of the cross-validation that chose them; 0 = there was none.
    """

    model: Any
    chosen: dict[str, Value]
    folds: int

    def predict(self, x: Floats) -> Ints:
        """The class of each row.

        Args:
            x: (m, d).
        """
        return np.asarray(self.model.predict(x), np.int64)


def fit(
    learner: Learner,
    x: Floats,
    labels: Ints,
    *,
    folds: int = 5,
    seed: int = 0,
    weights: Floats | None = None,
    check: Callable[[], None] = lambda: None,
) -> Fitted:
    """The learner with the hyper-parameters that name the most held-out pictures rightly, fitted to all of them.

    accuracy = Σ_i w_i [ŷ_i = y_i] / Σ_i w_i over the pictures of all folds, each named by a fit without it; w = 1
    where there are no weights. Features are standardised on the training part of each fit.

    Reference: Stone (1974), Cross-validatory choice and assessment of statistical predictions, JRSS B 36; with weights:
    Sugiyama, Krauledat and Müller (2007), Covariate shift adaptation by importance weighted cross validation, JMLR 8.

    Args:
        learner: Which.
        x: Features of the training pictures, (n, d).
        labels: Their class numbers, (n,), of two classes or more.
        folds: At most so many; fewer where a class has fewer pictures, none where one has a single picture: then the
            first value of each hyper-parameter is taken.
        seed: Of the folds and of the learner.
        weights: Of the pictures, (n,), not negative; None = all equal.
        check: Called before each fit; may raise to stop.

    Raises:
        BadSpec: One class only, or weights for a learner that takes none.
    """
    from sklearn.model_selection import StratifiedKFold

    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2:
        raise BadSpec("A learner needs training pictures of two classes. All are of one; give it another class.")
    if weights is not None and not learner.takes_weights:
        raise BadSpec("A learner must take weights to be fitted with them. It does not; leave it or the weights out.")
    folds = min(folds, int(counts.min()))
    folds = folds if folds >= 2 else 0
    smallest = len(x) - -(-len(x) // folds) if folds else len(x)
    grid = learner.grid(smallest, x.shape[1])
    settings = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    best = settings[0]
    if folds and len(settings) > 1:
        parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, labels))
        counted = np.ones(len(x)) if weights is None else weights
        right = []
        for setting in settings:
            total = 0.0
            for train, held in parts:
                check()
                model = _fit(
                    learner, setting, x[train], labels[train], seed, None if weights is None else counted[train]
                )
                total += float(counted[held][model.predict(x[held]) == labels[held]].sum())
            right.append(round(total, 9))  # sums of weights in another order are as good as equal
        best = settings[int(np.argmax(right))]
    check()
    return Fitted(_fit(learner, best, x, labels, seed, weights), best, folds)


def refit(
    learner: Learner, chosen: dict[str, Value], x: Floats, labels: Ints, *, seed: int = 0, weights: Floats | None = None
) -> Fitted:
    """The learner with these hyper-parameters, fitted to all pictures.

    Args:
        learner: Which.
        chosen: Its hyper-parameters.
        x: Features, (n, d).
        labels: Class numbers, (n,).
        seed: Of the learner.
        weights: Of the pictures, (n,), not negative; None = all equal.
    """
    return Fitted(_fit(learner, chosen, x, labels, seed, weights), chosen, 0)


def _fit(learner: Learner, chosen: dict[str, Value], x: Floats, labels: Ints, seed: int, weights: Floats | None) -> Any:
    """Standardiser and classifier, fitted; a fit that has not settled still names classes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    model = learner.estimator(seed, **chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Only one sample available")  # of a class; what it has in common is others'
        if weights is None:
            model.fit(scaler.transform(x), labels)
        else:
            model.fit(scaler.transform(x), labels, sample_weight=weights)
    return make_pipeline(scaler, model)
