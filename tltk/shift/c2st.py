"""Classifier two-sample test: held-out accuracy in telling the domains apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, split_scale
from tltk.shift import check_pair
from tltk.shift.a_distance import linear_discriminant


def c2st(source: Tensor, target: Tensor, *, ridge: float = 0.1, seed: int = 0) -> Tensor:
    """Accuracy on the held-out half of a linear domain classifier trained on the other half.

    t̂ = mean over held-out z_i of 1[1[f(z_i) > ½] = l_i], taken as the mean of both domains' shares:
    chance is ½ whatever the sizes.

    Reference: Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests, ICLR, §3 eq. 2,
    arXiv:1610.06545.

    Args:
        source: (n, d).
        target: (m, d).
        ridge: Penalty of the classifier, in units of the mean variance of a feature.
        seed: Of the split.

    Returns:
        Scalar from 0 to 1; ½ is chance.

    Raises:
        BadSpec: Shapes, or values, that cannot be compared, or fewer than four rows of a domain.

    Example:
        >>> x = torch.linspace(0, 1, 20)[:, None]
        >>> float(c2st(x, x + 10))
        1.0
    """
    check_pair(source, target, least=4)
    _, (source, target) = split_scale(source, target)
    train_s, test_s = _halves(source, seed)
    train_t, test_t = _halves(target, seed + 1)
    w, b = linear_discriminant(train_s, train_t, ridge)
    right_s, right_t = test_s @ w + b < 0, test_t @ w + b >= 0
    shares = [as_float64(right.to(source.dtype)).mean() for right in (right_s, right_t)]
    return torch.stack(shares).mean().to(source.dtype)


def c2st_p(accuracy: float, n: int, m: int) -> float:
    """p-value of that accuracy: the chance of as much or more when both domains are one.

    Under the null t̂ is about N(½, 1/4n_te); for held-out halves of unequal size the variance is
    (1/n_te,S + 1/n_te,T)/16, which is the paper's for equal ones.

    Reference: Lopez-Paz & Oquab (2017), §3.1.

    Args:
        accuracy: What `c2st` returned.
        n: Rows of the source.
        m: Rows of the target.

    Returns:
        From 0 to 1.

    Raises:
        BadSpec: An accuracy outside 0…1.

    Example:
        >>> c2st_p(0.5, 100, 100)
        0.5
    """
    if not 0 <= accuracy <= 1:
        raise BadSpec(f"accuracy must be between 0 and 1. Got {accuracy}.")
    deviation = math.sqrt((1 / (n - n // 2) + 1 / (m - m // 2)) / 16)
    return 0.5 * math.erfc((accuracy - 0.5) / deviation / math.sqrt(2))


def _halves(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).to(x.device)
    return x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
