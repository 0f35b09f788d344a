"""MMD class by class: which classes moved, and whether more than chance would have it."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.shift import check_pair
from tltk.shift.kernels import median_bandwidth
from tltk.shift.mmd import mmd
from tltk.shift.null import Null, compare_with_null, mmd_values


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
    pairs = _pairs(source, source_labels, target, target_labels)
    if bandwidth is None and kernel != "polynomial":
        bandwidth = median_bandwidth(source, target)
    return {c: float(mmd(x, y, kernel=kernel, bandwidth=bandwidth, estimator=estimator)) for c, (x, y) in pairs.items()}


def _pairs(
    source: Tensor, source_labels: Tensor, target: Tensor, target_labels: Tensor
) -> dict[int, tuple[Tensor, Tensor]]:
    """The rows of each class that both domains have twice."""
    check_pair(source, target)
    for side, x, labels in (("source", source, source_labels), ("target", target, target_labels)):
        if labels.shape != x.shape[:1]:
            raise BadSpec(f"{side} must have a label per row. Got {tuple(labels.shape)} for {len(x)} rows.")
    shared = sorted(set(source_labels.tolist()) & set(target_labels.tolist()))
    rows = {int(c): (source[source_labels == c], target[target_labels == c]) for c in shared}
    rows = {c: (x, y) for c, (x, y) in rows.items() if min(len(x), len(y)) > 1}
    if not rows:
        raise BadSpec(
            "Source and target must share a class with two samples in each. They share none; match the class "
            "names first."
        )
    return rows


def permutation_class_mmd(
    source: Tensor,
    source_labels: Tensor,
    target: Tensor,
    target_labels: Tensor,
    *,
    permutations: int = 199,
    seed: int = 0,
) -> Null:
    """`class_tests` of all classes together: the mean of their MMD² beside its null.

    Args:
        source: (n, d) floating.
        source_labels: (n,) class numbers.
        target: (m, d) floating.
        target_labels: (m,) class numbers.
        permutations: B, at least 2.
        seed: Decides the permutations.
    """
    return class_tests(source, source_labels, target, target_labels, permutations=permutations, seed=seed)[1]


def class_tests(
    source: Tensor,
    source_labels: Tensor,
    target: Tensor,
    target_labels: Tensor,
    *,
    permutations: int = 199,
    seed: int = 0,
) -> tuple[dict[int, Null], Null]:
    """Class-conditional MMD² beside its null: domains are permuted within each class, so priors cannot matter.

    The statistic is the mean of `class_mmd` over classes, unbiased, multi-kernel, one bandwidth for all; each draw
    permutes each class again and takes the same mean. The same draws are the null of each class by itself.

    Reference: Long et al. (2013), ICCV, §3; permutation within strata: Good (2005), Permutation, parametric and
    bootstrap tests of hypotheses, §3.7.

    Args:
        source: (n, d).
        source_labels: (n,) integers.
        target: (m, d).
        target_labels: (m,) integers.
        permutations: B.
        seed: Of the permutations.

    Returns:
        The test of each class, and that of their mean.

    Raises:
        BadSpec: As for `class_mmd`.
    """
    pairs = _pairs(source, source_labels, target, target_labels)
    bandwidth = median_bandwidth(source, target)
    values = {
        c: mmd_values(
            x,
            y,
            kernel="multi",
            bandwidth=bandwidth,
            estimator="unbiased",
            permutations=permutations,
            seed=seed + 7919 * c,
        )
        for c, (x, y) in pairs.items()
    }
    mean = torch.stack(list(values.values())).mean(0)
    return {c: compare_with_null(float(v[0]), v[1:]) for c, v in values.items()}, compare_with_null(
        float(mean[0]), mean[1:]
    )


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
