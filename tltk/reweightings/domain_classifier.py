"""Weights by a classifier of domains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.features import check_domains
from tltk.reweightings.reweighting import Floats, Reweighting
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class DomainClassifier(Reweighting):
    """Weights by a classifier of domains: what it takes for a picture of the target counts more.

    w(x) = (n / m) P(target | x) / P(source | x), P by a logistic regression that has not seen x.

    The simplest way, and a good one in many dimensions. Where the classifier tells the domains apart without error, a
    few pictures get all the weight, so look at the effective number of pictures.

    Reference: Bickel, Brückner and Scheffer (2007), Discriminative learning for differing training and test
    distributions, ICML, §3, eq. 8.
    """

    strength: float = knob(0.01, 1e-6, 1e3, help="C, the inverse strength of the classifier's L2 penalty.", log=True)
    folds: int = knob(5, 2, 100, help="Parts, in each of which weights come from a fit to the others.")

    def __call__(self, source: Floats, target: Floats, seed: int = 0) -> Floats:
        """Odds of the target, each by a fit without that picture."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        check_domains(source, target)
        n, m = len(source), len(target)
        model = LogisticRegression(C=self.strength, max_iter=1000)
        folds = StratifiedKFold(min(self.folds, n, m), shuffle=True, random_state=seed)
        is_target = np.repeat([0, 1], [n, m])
        pooled = np.concatenate([source, target])
        log_odds = cross_val_predict(model, pooled, is_target, cv=folds, method="decision_function")[:n]
        weights: Floats = n / m * np.exp(log_odds)
        return weights
