"""Batch spectral shrinkage: weak directions of the features are given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SpectralShrinkage(Term):
    """Batch spectral shrinkage: the weakest directions of a batch's features are pushed to zero.

    ℓ = η Σ_{i=1…k} σ²_{−i}, with σ_{−i} the i-th smallest of the min(n, d) singular values of the features (n, d) of a
    batch, as they enter the head.

    Directions in which the features of a batch hardly vary carry little of what transfers and can mislead a head that
    is trained on few pictures (negative transfer). The penalty lets them fade, and so says what not to keep; methods
    that hold the weights near their start, such as L2-SP or DELTA, say what to keep, and go well beside it. It helps
    most where the target has few labels. With many it gains nothing, and a large η flattens features that matter. The
    values depend on the batch: of fewer pictures than features there are as many as pictures.

    Reference:
        Chen, Wang, Fu, Long and Wang (2019), Catastrophic forgetting meets negative transfer: batch spectral shrinkage
        for safe transfer learning, NeurIPS, the definition of L_bss; η and k are theirs.
    """

    weight: float = knob(0.001, 0.0, 1e6, help="η: factor of the penalty in the loss; 0 = off.")
    smallest: int = knob(1, 1, 1024, help="k: how many of the smallest singular values are penalised.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone."""
        return False

    def __call__(self, step: Step) -> Tensor:
        """η Σ of the k smallest σ²; of all of them where there are fewer."""
        import torch

        with torch.autocast(step.batch.features.device.type, enabled=False):
            values: Tensor = torch.linalg.svdvals(step.batch.features.float())  # in descending order
        return self.weight * (values[-self.smallest :] ** 2).sum()
