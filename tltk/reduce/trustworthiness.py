"""What an embedding kept: trustworthiness, neighbourhood hit, mixing of the domains."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import check_features, split_scale
from tltk.reduce import check_rows

TILE_ROWS = 512


def trustworthiness(features: Tensor, embedding: Tensor, *, k: int = 10) -> float:
    """How far neighbours in the embedding are neighbours in truth.

    T(k) = 1 − 2 / (nk(2n − 3k − 1)) Σ_i Σ_{j ∈ U_k(i)} (r(i, j) − k), U_k(i) the k nearest of i in the
    embedding that are not among its k nearest by features, r(i, j) the rank of j by features, from 1.

    Reference: Venna & Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN,
    definition of trustworthiness.

    Args:
        features: (n, d).
        embedding: (n, 2), of the same samples.
        k: Neighbours; below n/2.

    Returns:
        From 0 to 1.

    Raises:
        BadSpec: Shapes that do not fit, or k out of range.

    Example:
        >>> x = torch.arange(10.0)[:, None] ** 2
        >>> trustworthiness(x, 2 * x, k=3)
        1.0
    """
    check_rows(features, embedding)
    n = len(features)
    if not 1 <= k < n / 2:
        raise BadSpec(f"k must be at least 1 and below half of the {n} samples. Got {k}.")
    (_, (features,)), (_, (embedding,)) = split_scale(features), split_scale(embedding)
    penalty = 0
    for start in range(0, n, TILE_ROWS):
        order = _nearest(features, start, n - 1)
        rank = torch.empty(len(order), n, dtype=torch.long, device=order.device)
        rank.scatter_(1, order, torch.arange(1, n, device=order.device).expand_as(order))
        near = _nearest(embedding, start, k).to(order.device)
        penalty += int((rank.gather(1, near) - k).clamp_min(0).sum())
    return 1 - 2 * penalty / (n * k * (2 * n - 3 * k - 1))


def neighbourhood_hit(embedding: Tensor, labels: Tensor, *, k: int = 10) -> float:
    """Mean share of a sample's k nearest that have its label.

    Reference: Paulovich et al. (2008), Least square projection, IEEE TVCG 14 (neighborhood hit).

    Args:
        embedding: (n, d) coordinates.
        labels: (n,) class numbers.
        k: Neighbours per sample, 1 … n − 1.

    Example:
        >>> neighbourhood_hit(torch.tensor([[0.0], [0.1], [9.0], [9.1]]), torch.tensor([0, 0, 1, 1]), k=1)
        1.0
    """
    return float(_same(embedding, labels, k).double().mean())


def domain_mixing(embedding: Tensor, domain: Tensor, *, k: int = 10) -> float:
    """Share of other-domain samples among the k nearest, over the share if domains were shuffled.

    For a sample of domain a that share is (n − n_a) / (n − 1); each domain weighs alike. About 1 = mixed,
    0 = apart.

    Args:
        embedding: (n, 2).
        domain: (n,) integers, two values or more.
        k: Neighbours.

    Returns:
        Not negative.

    Raises:
        BadSpec: One domain only, or shapes that do not fit.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [9.0], [9.1]])
        >>> domain_mixing(x, torch.tensor([0, 0, 1, 1]), k=1)
        0.0
    """
    other = 1 - _same(embedding, domain, k).double()
    n, ratios = len(domain), []
    for a in torch.unique(domain).tolist():
        mine = domain == a
        ratios.append(float(other[mine].mean()) * (n - 1) / max(n - int(mine.sum()), 1))
    if len(ratios) < 2:
        raise BadSpec("Mixing needs samples of two domains. All are of one.")
    return sum(ratios) / len(ratios)


def _same(embedding: Tensor, labels: Tensor, k: int) -> Tensor:
    """(n, k): whether each of the k nearest has the sample's own label."""
    check_features("embedding", embedding)
    n = len(embedding)
    if not 1 <= k < n or labels.shape != (n,):
        raise BadSpec(f"k must be from 1 to {n - 1}, with a label per row. Got {k}, {tuple(labels.shape)}.")
    _, (embedding,) = split_scale(embedding)
    near = torch.cat([_nearest(embedding, start, k) for start in range(0, n, TILE_ROWS)])
    return labels[near] == labels[:, None]


def _nearest(x: Tensor, start: int, k: int) -> Tensor:
    """Row numbers of the k nearest others, nearest first, for one tile of rows."""
    rows = x[start : start + TILE_ROWS]
    distance = torch.cdist(rows, x)
    itself = torch.arange(len(rows), device=x.device)
    distance[itself, itself + start] = torch.inf
    if k < len(x) - 1:
        return distance.topk(k, largest=False).indices
    return distance.argsort(dim=1, stable=True)[:, :k]
