"""Mutual information of pictures and predicted classes."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled


def information_maximisation(found: Unlabelled) -> float:
    """Information: sure predictions on the target that use all classes, in nats, 0 … log C.

    I = H((1/n) Σ_i p_i) − (1/n) Σ_i H(p_i), H(p) = −Σ_c p_c log p_c. Unlike `entropy` it is not fooled by a network
    that puts every picture into one class: that gives 0. It takes the classes to be about equally frequent in the
    target, and it does not see whether they carry the right names.

    Args:
        found: What the network says.

    Reference:
        Shi and Sha (2012), Information-theoretical learning of discriminative clusters for unsupervised domain
        adaptation, ICML, §2. arXiv:1206.6438. As a criterion: Musgrave, Belongie and Lim (2021), Unsupervised domain
        adaptation: a reality check. arXiv:2111.15672.
    """
    log_p = found.target_logits.log_softmax(1)
    p = log_p.exp()
    mean = p.mean(0)
    each = -(p * log_p).sum(1).mean()
    return float(-(mean * mean.clamp_min(1e-300).log()).sum() - each)
