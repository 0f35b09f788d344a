"""A discriminator that reads features conditioned on class probabilities."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tltk.nn.reversal import make_discriminator

LARGEST_PRODUCT, PROJECTED = 4096, 1024  # Long et al. (2018), §3.2 and §4


class ConditionalDiscriminator(nn.Module):
    """Discriminator on f ⊗ g, or on random projections of it where that has more than 4096 numbers.

    Args:
        width: d, features of a picture.
        n_classes: C.
        hidden: Units of each hidden layer.

    Reference:
        Long, Cao, Wang and Jordan (2018), Conditional adversarial domain adaptation, NeurIPS, §3.2.
        arXiv:1705.10667.
    """

    of_features: Tensor
    of_classes: Tensor

    def __init__(self, width: int, n_classes: int, hidden: int) -> None:
        super().__init__()
        self.random = width * n_classes > LARGEST_PRODUCT
        if self.random:
            self.register_buffer("of_features", torch.randn(width, PROJECTED))
            self.register_buffer("of_classes", torch.randn(n_classes, PROJECTED))
        self.discriminator = make_discriminator(PROJECTED if self.random else width * n_classes, hidden)

    def combine(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """T(h): (n, d·C) or (n, 1024).

        Args:
            features: f, (n, d).
            probabilities: g, (n, C).
        """
        if self.random:
            return (features @ self.of_features) * (probabilities @ self.of_classes) / math.sqrt(PROJECTED)
        return (features[:, :, None] * probabilities[:, None, :]).flatten(1)

    def forward(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """The logit of "of the target", (n, 1).

        Args:
            features: f, (n, d).
            probabilities: g, (n, C).
        """
        found: Tensor = self.discriminator(self.combine(features, probabilities))
        return found
