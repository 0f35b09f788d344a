"""Leave-one-out nearest neighbours: are pictures of a class close together already?"""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import split_scale
from tltk.transferability import check_labelled

TILE_ROWS = 1024


def knn(features: Tensor, labels: Tensor, *, k: int = 1) -> float:
    """Accuracy of k nearest neighbours, each sample voted on by the others.

    ŷ_i = class with most votes among the k rows nearest to x_i, i itself left out (Euclidean); of
    classes with equal votes the one with the nearest member.

    Reference: Cover & Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on
    Information Theory 13; as a ranking of backbones: Renggli et al. (2022), Which model to transfer?,
    CVPR, arXiv:2010.06402.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        k: Neighbours that vote.

    Returns:
        From 0 to 1.

    Raises:
        BadSpec: Labels that do not fit, or k outside 1 … n − 1.

    Example:
        >>> knn(torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.tensor([0, 0, 1, 1]))
        1.0
    """
    labels = check_labelled(features, labels)
    if not 1 <= k < len(features):
        raise BadSpec(f"k must be at least 1 and below the {len(features)} samples. Got {k}.")
    _, (features,) = split_scale(features)
    right = 0
    for start in range(0, len(features), TILE_ROWS):
        rows = features[start : start + TILE_ROWS]
        distance = torch.cdist(rows, features)
        itself = torch.arange(len(rows), device=rows.device)
        distance[itself, itself + start] = torch.inf
        voters = labels[distance.topk(k, largest=False, sorted=True).indices]
        right += int((_winner(voters) == labels[start : start + TILE_ROWS]).sum())
    return right / len(features)


def _winner(voters: Tensor) -> Tensor:
    """The class with most votes in each row of (n, k), nearest first; ties go to the nearest."""
    votes = torch.nn.functional.one_hot(voters).sum(1)
    most = votes.gather(1, voters)  # each voter's class's votes, nearest voter first
    return voters.gather(1, (most == most.amax(1, keepdim=True)).int().argmax(1, keepdim=True))[:, 0]
