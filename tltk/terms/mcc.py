"""Minimum class confusion: predictions on the target that waver between no two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mcc(Term):
    """MCC: the predicted classes of the target's pictures are made to be confused with each other as little as can be.

    Ŷ = softmax(Z/T), (n, C); C_jj′ = Σ_i W_i Ŷ_ij Ŷ_ij′ with W_i = n (1 + exp(−H(ŷ_i))) / Σ_i′ (1 + exp(−H(ŷ_i′))),
    held constant; C̃ = C with rows that sum to 1; ℓ = λ/C Σ_j Σ_{j′≠j} C̃_jj′. Z are the target's logits.

    It aligns nothing, so it works where the target lacks classes of the source, and it does not touch the source's
    features. It sharpens what the network already thinks: where that is mostly wrong it makes the wrong sure. A
    prediction of one class for everything is also free of confusion.

    Reference:
        Jin, Wang, Long and Wang (2020), Minimum class confusion for versatile domain adaptation, ECCV, §3.
        arXiv:1912.03699.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the confusion in the loss; 0 = off.")
    temperature: float = knob(
        2.5, 0.1, 100.0, help="T: the logits are divided by it; above 1 predictions are less sure."
    )

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        _, target = step.pair
        log_p = (target.logits.float() / self.temperature).log_softmax(1)
        p = log_p.exp()
        sureness = 1 + (p * log_p).sum(1).exp().detach()
        weights = len(p) * sureness / sureness.sum()
        confusion = (weights[:, None] * p).mT @ p
        confusion = confusion / confusion.sum(1, keepdim=True)
        return self.weight * (confusion.sum() - confusion.trace()) / len(confusion)
