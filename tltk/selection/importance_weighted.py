"""Accuracy on the source where it is like the target."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def importance_weighted(found: Unlabelled) -> float:
    """Weighted accuracy: on the source's validation pictures, those that look like the target's count more; 0 … 1.

    Σ_i w(x_i) 1[ŷ_i = y_i] / Σ_i w(x_i), w = p_T / p_S by a logistic regression of the domain on the features. The
    paper divides by the number of pictures, and its risk then is 0 for a network under which the domains do not
    overlap; divided by the weights it is not. It estimates the accuracy on the target if pictures with like features
    have one class in both domains (covariate shift). Weights are not bounded, so a few pictures can decide it.

    Args:
        found: What the network says.

    Reference:
        Sugiyama, Krauledat and Müller (2007), Covariate shift adaptation by importance weighted cross validation,
        JMLR 8, §3.
    """
    right = (found.source_logits.argmax(1) == found.source_labels).double()
    w = found.density_ratio
    return float((w * right).sum() / w.sum())
