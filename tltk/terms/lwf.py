"""LwF: the answers of the weights' own classifier stay what they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Start, Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Lwf(Term):
    """Learning without forgetting: the old classifier goes on answering as before, on the target's own pictures.

    ℓ = −λ/n Σ_x Σ_c y_c(x) log ŷ_c(x), with y(x) = softmax(z⁰(x)/T) of the old classifier's logits z⁰ at the start, and
    ŷ(x) = softmax(z(x)/T) of the same classifier on the features as they are now.

    What the network would have answered about each target picture in terms of the old classes is written down once,
    before the first step, and asked for while it learns. No picture of the source is needed. It helps where target
    pictures make the old classifier give varied answers, that is, where the two domains are alike; where they are far
    apart the answers say little about the source, and it is forgotten all the same. Here the old classifier is kept
    as it came, so that it can still be used, and what is forgotten measured, as it was; in the paper it learns too.

    Reference:
        Li and Hoiem (2016), Learning without forgetting, ECCV, Eq. 2–4 and Figure 3. arXiv:1606.09282.
    """

    needs: ClassVar[tuple[str, ...]] = ("answers", "classifier")

    weight: float = knob(1.0, 0.0, 1e6, help="λ_o: how much the old answers count against the new task; 0 = off.")
    temperature: float = knob(2.0, 0.1, 100.0, help="T: above 1, answers that are not the first count for more.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone, read by the classifier that came with the weights."""
        return False

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """y of each training picture of the target, (n, old classes), without augmentation.

        Args:
            start: The network with its first weights.
        """
        import torch

        assert start.classifier is not None
        with torch.no_grad():
            found = [
                (start.classifier.logits(side.features) / self.temperature).softmax(1)
                for side in start.batches("target", 64)
            ]
        return {"answers": torch.cat(found)}

    def __call__(self, step: Step) -> Tensor:
        """λ times the cross-entropy from the old answers."""
        side = step.batch
        assert step.classifier is not None and side.positions is not None
        then = step.prepared["answers"][side.positions.to(side.features.device)]
        now = step.classifier.logits(side.features).float() / self.temperature
        return -self.weight * (then * now.log_softmax(1)).sum(1).mean()
