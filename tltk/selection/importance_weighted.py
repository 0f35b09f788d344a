"""Accuracy on the source where it is like the target."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def importance_weighted(found: Unlabelled) -> float:
    """Weighted accuracy: on the source's validation pictures, those that look like the target's count more.

    1 − (1/m) Σ_i w(x_i) 1[ŷ_i ≠ y_i], w = p_T / p_S by a logistic regression of the domain on the features. It
    estimates the accuracy on the target if pictures with like features have the same class in both domains (covariate
    shift). Weights are not bounded, so it can fall below 0 and a few pictures can decide it: see
    `deep_embedded_validation`. Where the domains do not overlap, all weights are about 0 and so it is always about 1.

    Args:
        found: What the network says.

    Reference:
        Sugiyama, Krauledat and Müller (2007), Covariate shift adaptation by importance weighted cross validation,
        JMLR 8, §3.1.
    """
    wrong = (found.source_logits.argmax(1) != found.source_labels).double()
    return 1 - float((found.density_ratio * wrong).mean())
