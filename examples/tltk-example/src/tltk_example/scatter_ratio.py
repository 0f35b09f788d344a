"""A transferability score: how far apart the classes are, beside how wide they are."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.transferability import centre_and_scale, check_labelled


def scatter_ratio(features: Tensor, labels: Tensor) -> float:
    """Share of the features' variance that lies between the classes, tr(S_B) / tr(S_T).

    Reference: Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7, 179–188.

    Args:
        features: (n, d).
        labels: (n,) class numbers.

    Returns:
        From 0 (the classes' means coincide) to 1 (each class is a point).

    Raises:
        BadSpec: Features and labels that do not belong together.
    """
    labels = check_labelled(features, labels)
    x = centre_and_scale(features)
    means = torch.stack([x[labels == c].mean(0) for c in range(int(labels.max()) + 1)])
    total = x.square().sum()
    return float(means[labels].square().sum() / total) if bool(total > 0) else 0.0
