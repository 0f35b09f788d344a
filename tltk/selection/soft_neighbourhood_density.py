"""Soft neighbourhood density."""

from __future__ import annotations

from tltk.selection.unlabelled import Unlabelled

TEMPERATURE = 0.05  # the paper's
ROWS = 1024  # of the similarities that are in memory at once


def soft_neighbourhood_density(found: Unlabelled) -> float:
    """Density: how many neighbours the target's pictures have among each other by their predictions, in nats.

    (1/n) Σ_i H(P_i), P_ij = exp(s_ij / τ) / Σ_{k≠i} exp(s_ik / τ), j ≠ i, τ = 0.05, where s is the cosine of two
    predictions softmax(z_i), softmax(z_j). At most log(n − 1), which is what one class for all pictures gives: like
    `entropy` it can be fooled.

    Args:
        found: What the network says.

    Reference:
        Saito, Kim, Teterwak, Sclaroff, Darrell and Saenko (2021), Tune it the right way: unsupervised validation of
        domain adaptation via soft neighborhood density, ICCV, §3. arXiv:2108.10860.
    """
    import torch

    p = found.target_logits.softmax(1)
    p = p / p.norm(dim=1, keepdim=True)
    total = p.new_zeros(())
    for rows in torch.split(torch.arange(len(p)), ROWS):
        s = p[rows] @ p.mT / TEMPERATURE
        s[torch.arange(len(rows)), rows] = -torch.inf
        log_q = s.log_softmax(1)
        total -= (log_q.exp() * log_q.clamp_min(-1e300)).sum()  # what is 0 stays 0
    return float(total / len(p))
