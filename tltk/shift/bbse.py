"""Label shift from a black-box classifier's predictions."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64


def bbse(
    source_probabilities: Tensor, source_labels: Tensor, target_probabilities: Tensor, *, clip: bool = True
) -> Tensor:
    """Label-shift weights w_y = Q(y) / P(y), solved from Ĉ ŵ = μ̂.

    Ĉ_ij = P̂(f(x) = i, y = j) on held-out source samples, μ̂_i = Q̂(f(x) = i) on the target. Rows of
    probabilities give the soft form, one-hot rows the paper's.

    Reference: Lipton, Wang & Smola (2018), Detecting and correcting for label shift with black box
    predictors, ICML, §4, arXiv:1802.03916.

    Args:
        source_probabilities: (n, C), rows sum to 1, of samples the classifier was not trained on.
        source_labels: (n,) integers in 0 … C − 1.
        target_probabilities: (m, C).
        clip: Negative weights, which sampling noise gives, are set to 0.

    Returns:
        (C,) weights; times the source's class shares they are the target's.

    Raises:
        BadSpec: Shapes that do not fit, a class without a sample, or a confusion matrix that cannot be
            inverted, as of a classifier that ignores its input.

    Example:
        >>> eye = torch.eye(2)
        >>> bbse(eye[[0, 1]], torch.tensor([0, 1]), eye[[0, 0, 0, 1]])
        tensor([1.5000, 0.5000])
    """
    n, classes = source_probabilities.shape
    if source_labels.shape != (n,) or target_probabilities.shape[1:] != (classes,):
        raise BadSpec(
            f"Predictions must be (n, C) and (m, C), labels (n,). Got {tuple(source_probabilities.shape)}, "
            f"{tuple(target_probabilities.shape)}, {tuple(source_labels.shape)}."
        )
    if set(source_labels.tolist()) != set(range(classes)):
        raise BadSpec(
            f"Every one of the {classes} classes must have a source sample. Got labels "
            f"{sorted(set(source_labels.tolist()))}; drop the empty classes."
        )
    onehot = as_float64(torch.nn.functional.one_hot(source_labels.long(), classes).to(source_probabilities.dtype))
    confusion = as_float64(source_probabilities).mT @ onehot / n
    if not float(torch.linalg.cond(confusion)) < 1e8:
        raise BadSpec(
            "The classifier's confusion matrix must have an inverse. It has none: some classes are predicted "
            "alike; take a better classifier or merge them."
        )
    weights: Tensor = torch.linalg.solve(confusion, as_float64(target_probabilities).mean(0))
    return (weights.clamp_min(0) if clip else weights).to(source_probabilities.dtype)
