"""A term: predictions are made confident. Torch is imported where it is needed, so that listing terms stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Confidence(Term):
    """Entropy minimisation: each prediction is pulled towards one class, whichever it is.

    λ · mean over the batch of H(p), with H(p) = −Σ_c p_c log p_c and p = softmax(logits).

    Reference:
        Grandvalet and Bengio (2004), Semi-supervised learning by entropy minimization, NeurIPS, Eq. 4 and 6.
    """

    weight: float = knob(0.1, 0.0, 100.0, help="λ: factor of the entropy in the loss; 0 = off.")

    def __call__(self, step: Step) -> Tensor:
        """λ H, of the target's batch."""
        logs = step.batch.logits.float().log_softmax(1)
        return -self.weight * (logs.exp() * logs).sum(1).mean()
