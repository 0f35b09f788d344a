"""Self-training: the target's sure predictions are taken for its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SelfTraining(Term):
    """Self-training: predictions on the target of which the network is sure enough are learned from as labels.

    ℓ = λ/m Σ_j 1[max q_j ≥ τ] H(q̂_j, q_j), q_j = softmax of the logits of the target's picture j, q̂_j = argmax q_j,
    m = pictures of the target in the batch. It is the pseudo-label of Lee with the threshold of FixMatch, Eq. 4, but
    without FixMatch's strong augmentation: label and loss come from the same view of a picture.

    It pushes the border between classes out of where the target's pictures lie, which helps when most sure predictions
    are right. It hurts when they are not: errors are learned as if they were true, and nothing in the rows shows it.
    The share above the threshold is reported; where it is near 0 the term does nothing.

    Reference:
        Lee (2013), Pseudo-label: the simple and efficient semi-supervised learning method, ICML Workshops, Eq. 14–15.
        Sohn et al. (2020), FixMatch: simplifying semi-supervised learning with consistency and confidence, NeurIPS,
        Eq. 4. arXiv:2001.07685.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)
    eager: ClassVar[Mapping[str, float]] = {"threshold": 0.0}

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the loss; 0 = off.")
    threshold: float = knob(0.95, 0.0, 1.0, help="τ: a prediction at least so sure is taken for a label.")

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        _, target = step.pair
        log_p = target.logits.float().log_softmax(1)
        surest, labels = log_p.detach().exp().max(1)
        taken = (surest >= self.threshold).float()
        step.report("confident", taken.mean())
        return self.weight * (taken * -log_p.gather(1, labels[:, None]).squeeze(1)).mean()
