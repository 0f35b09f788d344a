"""Classifiers that go on top of a backbone's pooled features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tltk.errors import UnknownName


@dataclass(frozen=True)
class Classifier:
    """A linear classifier beside the network's head: that which came with its weights, what it could do at the start.

    Attributes:
        weight: (classes, d).
        bias: (classes,).
        classes: Their names; empty where the weights do not tell.
    """

    weight: Tensor
    bias: Tensor
    classes: tuple[str, ...] = ()

    def logits(self, features: Tensor) -> Tensor:
        """(n, d) features → (n, classes) logits.

        Args:
            features: What enters the head, (n, d).
        """
        return F.linear(features, self.weight, self.bias)


class Cosine(nn.Module):
    """Logits are scaled cosines between features and one learned prototype per class.

    s · ⟨f/‖f‖, w_c/‖w_c‖⟩, with s = 1/τ learned.

    Reference:
        Gidaris and Komodakis (2018), Dynamic few-shot visual learning without forgetting, CVPR,
        Eq. 4. arXiv:1804.09458.
    """

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(n_classes, width))
        self.scale = nn.Parameter(torch.tensor(10.0))  # the paper's initial value

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) features → (n, classes) logits.

        Args:
            features: (n, d), pooled; their lengths do not matter.
        """
        return self.scale * F.linear(F.normalize(features, dim=1), F.normalize(self.prototypes, dim=1))


def make_head(kind: str, width: int, n_classes: int, dropout: float = 0.0) -> nn.Module:
    """A new classifier: `linear`, `norm_linear` (layer norm before it) or `cosine`.

    Args:
        kind: One of the three.
        width: d, the number of features.
        n_classes: Number of logits.
        dropout: Probability in 0 … 1 with which a feature is zeroed in training; 0 = no such layer.

    Raises:
        UnknownName: Another kind.
    """
    first: list[nn.Module] = [nn.Dropout(dropout)] if dropout else []
    if kind == "linear":
        return nn.Sequential(*first, nn.Linear(width, n_classes))
    if kind == "norm_linear":
        return nn.Sequential(nn.LayerNorm(width), *first, nn.Linear(width, n_classes))
    if kind == "cosine":
        return nn.Sequential(*first, Cosine(width, n_classes))
    raise UnknownName.among("head", kind, ["linear", "norm_linear", "cosine"])
