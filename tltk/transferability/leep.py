"""LEEP: how well the source head's classes predict the target's labels."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64
from tltk.transferability import check_labelled


def leep(probabilities: Tensor, labels: Tensor) -> float:
    """Log expected empirical prediction.

    P̂(y, z) = 1/n Σ_{i: y_i = y} θ(x_i)_z,  P̂(y|z) = P̂(y, z) / P̂(z),
    LEEP = 1/n Σ_i log Σ_z P̂(y_i|z) θ(x_i)_z.

    Reference: Nguyen et al. (2020), LEEP: a new measure to evaluate transferability of learned
    representations, ICML, definition in §3, arXiv:2002.12462.

    Args:
        probabilities: (n, Z), the source head's softmax on target pictures; rows sum to 1.
        labels: (n,) target class numbers.

    Returns:
        Not above 0.

    Raises:
        BadSpec: Labels that do not fit, or rows that are not probabilities.

    Example:
        >>> leep(torch.eye(2)[[0, 0, 1]], torch.tensor([0, 0, 1]))
        0.0
    """
    labels = check_labelled(probabilities, labels)
    theta = as_float64(probabilities)
    if bool((theta < 0).any()) or not torch.allclose(theta.sum(1), theta.new_ones(()), atol=1e-3):
        raise BadSpec("Rows must be probabilities: not negative, with sum 1. Apply softmax to the logits.")
    joint = torch.nn.functional.one_hot(labels).to(theta.dtype).mT @ theta / len(theta)
    conditional = joint / joint.sum(0).clamp_min(torch.finfo(theta.dtype).tiny)  # (C, Z)
    expected = (conditional[labels] * theta).sum(1)
    return float(expected.log().mean())
