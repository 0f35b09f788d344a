"""Prediction entropy."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def entropy(found: Unlabelled) -> float:
    """Confidence: minus the mean entropy of the predictions on the target, in nats; at most 0.

    −(1/n) Σ_i H(p_i), H(p) = −Σ_c p_c log p_c. A network that puts every picture into one class with certainty
    reaches 0 too, so it can be fooled.

    Args:
        found: What the network says.

    Reference:
        Morerio, Cavazza and Murino (2018), Minimal-entropy correlation alignment for unsupervised deep domain
        adaptation, ICLR, §3.2 (there it chooses hyper-parameters). arXiv:1711.10288.
    """
    log_p = found.target_logits.log_softmax(1)
    return float((log_p.exp() * log_p).sum(1).mean())
