"""MMD class by class: which classes moved."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.shift import check_pair
from tltk.shift.kernels import median_bandwidth
from tltk.shift.mmd import mmd


def class_mmd(
    source: Tensor,
    source_labels: Tensor,
    target: Tensor,
    target_labels: Tensor,
    *,
    kernel: str = "multi",
    bandwidth: float | None = None,
    estimator: str = "unbiased",
) -> dict[int, float]:
    """MMD² between P(x | y = c) and Q(x | y = c) for each class that both domains have.

    One bandwidth serves all classes, so that their values can be compared.

    Reference: Long et al. (2013), Transfer feature learning with joint distribution adaptation, ICCV,
    §3 (the distance of class-conditional distributions).

    Args:
        source: (n, d).
        source_labels: (n,) integers.
        target: (m, d).
        target_labels: (m,) integers, true or predicted.
        kernel: As for `mmd`.
        bandwidth: σ; None = median distance of the pooled sample.
        estimator: As for `mmd`.

    Returns:
        Class → MMD², for classes with two samples or more in each domain.

    Raises:
        BadSpec: Labels that do not fit the features, or no class in common.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [5.0], [6.0]])
        >>> y = torch.tensor([0, 0, 1, 1])
        >>> class_mmd(x, y, x, y, estimator="biased")
        {0: 0.0, 1: 0.0}
    """
    check_pair(source, target)
    for side, x, labels in (("source", source, source_labels), ("target", target, target_labels)):
        if labels.shape != x.shape[:1]:
            raise BadSpec(f"{side} must have a label per row. Got {tuple(labels.shape)} for {len(x)} rows.")
    if bandwidth is None and kernel != "polynomial":
        bandwidth = median_bandwidth(source, target)
    values: dict[int, float] = {}
    for c in sorted(set(source_labels.tolist()) & set(target_labels.tolist())):
        x, y = source[source_labels == c], target[target_labels == c]
        if min(len(x), len(y)) > 1:
            values[int(c)] = float(mmd(x, y, kernel=kernel, bandwidth=bandwidth, estimator=estimator))
    if not values:
        raise BadSpec(
            "Source and target must share a class with two samples in each. They share none; match the class "
            "names first."
        )
    return values


def conditional_mmd(values: dict[int, float], prior: Tensor | None = None) -> float:
    """Class-conditional MMD²: the mean of `class_mmd` over classes, weighted by a class prior if given.

    Args:
        values: What `class_mmd` returned.
        prior: (C,) weights by class number; None = all classes alike.

    Returns:
        One number.

    Example:
        >>> conditional_mmd({0: 0.1, 1: 0.3})
        0.2
    """
    weights = torch.tensor([1.0 if prior is None else float(prior[c]) for c in values], dtype=torch.float64)
    terms = torch.tensor(list(values.values()), dtype=torch.float64)
    return float((weights * terms).sum() / weights.sum())
