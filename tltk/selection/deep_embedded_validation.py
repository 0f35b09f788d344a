"""Weighted error on the source, with less variance."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def deep_embedded_validation(found: Unlabelled) -> float:
    """DEV: as `importance_weighted`, with a control variate against the weights' variance; minus the risk.

    −R, R = (1/m) Σ_i L_i + η (1/m) Σ_i w_i − η, L_i = w_i 1[ŷ_i ≠ y_i], η = −Cov(L, w) / Var(w). The mean of w is known
    to be 1, so how far it is from that tells how far the mean of L is off. It assumes what `importance_weighted` does:
    pictures with like features have the same class in both domains.

    Args:
        found: What the network says.

    Reference:
        You, Wang, Long and Jordan (2019), Towards accurate model selection in deep unsupervised domain adaptation,
        ICML, §4 and Algorithm 1.
    """
    import torch

    w = found.density_ratio
    losses = w * (found.source_logits.argmax(1) != found.source_labels)
    (_, between), (_, spread) = torch.cov(torch.stack([losses, w]), correction=0).unbind()
    eta = -float(between / spread) if spread > 0 else 0.0
    return -float(losses.mean() + eta * w.mean() - eta)
