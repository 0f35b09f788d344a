"""Proxy A-distance: how well a linear classifier tells the domains apart on samples it has not seen."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, split_scale
from tltk.shift import check_pair


def a_distance(source: Tensor, target: Tensor, *, folds: int = 5, ridge: float = 0.1, seed: int = 0) -> Tensor:
    """Proxy A-distance, 2 (1 − 2ε), ε = held-out error of a linear domain classifier.

    The error is cross-validated: on training samples it would be 0 whenever d ≥ n + m. It is the mean
    of both domains' errors, so that chance is ½ whatever the sizes.

    Reference: Ben-David et al. (2010), A theory of learning from different domains, Machine Learning 79
    (the proxy of Ben-David et al. 2007, NIPS).

    Args:
        source: (n, d).
        target: (m, d).
        folds: Parts of the cross-validation.
        ridge: Penalty, in units of the mean variance of a feature.
        seed: Of the division into folds.

    Returns:
        Scalar from −2 to 2; about 0 when the domains cannot be told apart (chance may fall below),
        2 when they never are confused.

    Raises:
        BadSpec: Shapes, values, or a number of folds, that cannot be meant.

    Example:
        >>> x = torch.linspace(0, 1, 20)[:, None]
        >>> float(a_distance(x, x + 10))
        2.0
    """
    wrong_s, wrong_t = held_out_errors(source, target, folds=folds, ridge=ridge, seed=seed)
    error = (as_float64(wrong_s).mean() + as_float64(wrong_t).mean()) / 2
    return (2 * (1 - 2 * error)).to(source.dtype)


def held_out_errors(
    source: Tensor, target: Tensor, *, folds: int = 5, ridge: float = 0.1, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """1 where a sample's domain is guessed wrongly by a classifier that has not seen it: (n,), (m,).

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        folds: Of the cross-validation, 2 … min(n, m).
        ridge: λ of `linear_discriminant`, in units of the mean variance.
        seed: Decides the folds.

    Raises:
        BadSpec: Fewer samples than folds.
    """
    check_pair(source, target)
    if not 2 <= folds <= min(len(source), len(target)):
        raise BadSpec(
            f"folds must be between 2 and the smaller domain's {min(len(source), len(target))} samples. "
            f"Got {folds}; take fewer folds or more samples."
        )
    _, (source, target) = split_scale(source, target)
    generator = torch.Generator().manual_seed(seed)
    fold_s = (torch.randperm(len(source), generator=generator) % folds).to(source.device)
    fold_t = (torch.randperm(len(target), generator=generator) % folds).to(source.device)
    wrong_s, wrong_t = source.new_zeros(len(source)), source.new_zeros(len(target))
    for fold in range(folds):
        w, b = linear_discriminant(source[fold_s != fold], target[fold_t != fold], ridge)
        wrong_s[fold_s == fold] = (source[fold_s == fold] @ w + b >= 0).to(source.dtype)
        wrong_t[fold_t == fold] = (target[fold_t == fold] @ w + b < 0).to(source.dtype)
    return wrong_s, wrong_t


def linear_discriminant(source: Tensor, target: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Weights (d,) and offset of the regularised linear discriminant; positive means target.

    w = (C + λI)⁻¹ (μ_T − μ_S), C = mean of both covariances, λ = ridge · tr C / d; 0 halfway.

    Args:
        source: (n, d) floating.
        target: (m, d) floating.
        ridge: In units of the mean variance tr C / d; above 0.
    """
    s, t = as_float64(source.detach()), as_float64(target.detach())
    mean_s, mean_t = s.mean(0), t.mean(0)
    x = torch.cat([(s - mean_s) / (2 * len(s)) ** 0.5, (t - mean_t) / (2 * len(t)) ** 0.5])
    penalty = (ridge * x.square().sum() / x.shape[1]).clamp_min(1e-12)
    gap = mean_t - mean_s
    eye = torch.eye(min(x.shape), dtype=x.dtype, device=x.device)
    if x.shape[1] <= x.shape[0]:
        w = torch.linalg.solve(x.mT @ x + penalty * eye, gap)
    else:  # fewer samples than features: the same inverse by Woodbury's identity
        w = (gap - x.mT @ torch.linalg.solve(x @ x.mT + penalty * eye, x @ gap)) / penalty
    return w.to(source.dtype), (-w @ (mean_s + mean_t) / 2).to(source.dtype)
