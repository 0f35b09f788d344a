"""What a criterion without target labels may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Unlabelled:
    """What a network says at one moment of the source, with labels, and of the target, without.

    All tensors are on the CPU, floating ones in float64.

    Attributes:
        target_features: What enters the head, (n, d), of the target's validation pictures.
        target_logits: Their logits, (n, classes).
        source_features: Of the source's validation pictures, (m, d).
        source_logits: (m, classes).
        source_labels: Class numbers, (m,) int64.
        train_features: Gives the features of the source's training pictures, (k, d); computed when it is called.
        seed: For draws.
    """

    target_features: Tensor
    target_logits: Tensor
    source_features: Tensor
    source_logits: Tensor
    source_labels: Tensor
    train_features: Callable[[], Tensor]
    seed: int = 0

    @cached_property
    def density_ratio(self) -> Tensor:
        """p_T / p_S at the source's validation pictures, (m,), as a classifier of the domain tells by the features."""
        from tltk.selection.density_ratio import density_ratio

        return density_ratio(self.source_features, self.train_features(), self.target_features, self.seed)
