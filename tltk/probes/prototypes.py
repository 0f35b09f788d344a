"""Prototypes and templates: how well a few pictures of each class name others, over many small tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tltk.errors import BadSpec
from tltk.features import as_float64, check_features

DISTANCES = ("euclidean", "cosine")
NEAREST = ("prototype", "template")
Z = 1.96  # as papers on few-shot learning have it


@dataclass(frozen=True)
class Episodes:
    """Accuracy over episodes.

    Attributes:
        accuracy: Mean, 0 … 1.
        lo: mean − 1.96 s / √E, s the standard deviation of the episodes' accuracies; not below 0.
        hi: mean + 1.96 s / √E, not above 1.
        deviation: s.
        worst: Accuracy of the worst episode.
        best: And of the best.
    """

    accuracy: float
    lo: float
    hi: float
    deviation: float
    worst: float
    best: float


def prototypes(support: Tensor) -> Tensor:
    """The mean of each class's support, c_k = 1/|S_k| Σ_{i ∈ S_k} f(x_i).

    Reference: Snell, Swersky and Zemel (2017), Prototypical networks for few-shot learning, NeurIPS, eq. 1,
    arXiv:1703.05175.

    Args:
        support: (ways, shots, d).

    Returns:
        (ways, d).
    """
    return support.mean(1)


def class_probabilities(queries: Tensor, means: Tensor, distance: str = "euclidean") -> Tensor:
    """p(y = k | x) = softmax_k(−d(f(x), c_k)), d the squared Euclidean distance, or one less the cosine.

    Reference: Snell, Swersky and Zemel (2017), Prototypical networks for few-shot learning, NeurIPS, eq. 2,
    arXiv:1703.05175.

    Args:
        queries: (n, d).
        means: Prototypes, (ways, d).
        distance: One of `DISTANCES`.

    Returns:
        (n, ways); rows sum to 1.
    """
    return (-_distances(queries, means, distance)).softmax(1)


def nearest_template(queries: Tensor, support: Tensor, distance: str = "euclidean") -> Tensor:
    """The class of the nearest single picture, argmin_k min_{i ∈ S_k} d(f(x), f(x_i)).

    With one picture a class this is matching against templates, and equals the nearest prototype.

    Reference: Cover and Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on Information Theory
    13(1), §II.

    Args:
        queries: (n, d).
        support: The pictures of each class, (ways, shots, d).
        distance: One of `DISTANCES`.

    Returns:
        (n,) class numbers, int64.
    """
    ways, shots, d = support.shape
    gaps = _distances(queries, support.reshape(ways * shots, d), distance)
    return gaps.reshape(len(queries), ways, shots).amin(2).argmin(1)


def _distances(x: Tensor, y: Tensor, distance: str) -> Tensor:
    """(n, m): squared Euclidean, or one less the cosine."""
    if distance == "cosine":
        return 1 - torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(y, dim=1).T
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()  # (n, m, d) is never held


def prototype_accuracy(
    features: Tensor,
    labels: Tensor,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 15,
    episodes: int = 600,
    distance: str = "euclidean",
    nearest: str = "prototype",
    seed: int = 0,
) -> Episodes:
    """N-way K-shot accuracy: mean over episodes of drawn classes, each with drawn support and queries.

    An episode draws `ways` classes, of each `shots` pictures that make its prototype and `queries` others that get the
    class of the nearest prototype, or of the nearest of all these pictures. With one shot both are the same.

    Reference: Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra (2016), Matching networks for one shot learning,
    NeurIPS, §4.1; Snell, Swersky and Zemel (2017), Prototypical networks for few-shot learning, NeurIPS, eq. 1–2.

    Args:
        features: (n, d).
        labels: (n,) class numbers; only classes with shots + queries pictures are drawn.
        ways: Classes of an episode, at least 2.
        shots: Support of each.
        queries: Pictures of each that are named.
        episodes: How many, at least 2.
        distance: One of `DISTANCES`.
        nearest: One of `NEAREST`: a class's mean, or its single pictures.
        seed: Of all draws.

    Returns:
        The mean with its interval, mean ± 1.96 s / √E: how exactly it is known of these pictures.

    Raises:
        BadSpec: Features or counts that cannot be used, or too few classes with so many pictures.
    """
    check_features("features", features)
    if ways < 2 or shots < 1 or queries < 1 or episodes < 2:
        raise BadSpec(
            f"ways and episodes must be at least 2, shots and queries at least 1. Got {ways}, {episodes}, {shots} and "
            f"{queries}."
        )
    x, rng = as_float64(features.detach()), np.random.default_rng(seed)
    members = usable_classes(labels.numpy(), shots + queries)
    if len(members) < ways:
        raise BadSpec(
            f"{ways} classes must have {shots} + {queries} pictures each. {len(members)} have so many; lower ways, "
            f"shots or queries, or draw from more pictures."
        )
    x = x - x.mean(0) if distance == "euclidean" else x  # a large common offset would cost the distances their digits
    truth = torch.arange(ways).repeat_interleave(queries)
    found = np.empty(episodes)
    for episode in range(episodes):
        chosen = rng.choice(len(members), ways, replace=False)
        drawn = np.stack([rng.choice(members[c], shots + queries, replace=False) for c in chosen])
        support = x[torch.from_numpy(drawn[:, :shots])]
        asked = x[torch.from_numpy(drawn[:, shots:]).reshape(-1)]
        if nearest == "template":
            said = nearest_template(asked, support, distance)
        else:
            said = class_probabilities(asked, prototypes(support), distance).argmax(1)
        found[episode] = float((said == truth).double().mean())
    mean, deviation = float(found.mean()), float(found.std(ddof=1))
    half = Z * deviation / math.sqrt(episodes)
    return Episodes(
        mean, max(mean - half, 0.0), min(mean + half, 1.0), deviation, float(found.min()), float(found.max())
    )


def usable_classes(labels: np.ndarray, least: int) -> list[np.ndarray]:
    """The positions of each class that has so many pictures.

    Args:
        labels: (n,) class numbers.
        least: So many.
    """
    positions = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return [each for each in positions if len(each) >= least]
