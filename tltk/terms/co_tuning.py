"""Co-tuning: the weights' own classifier is taught too, by what the new classes mean in terms of the old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Start, Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CoTuning(Term):
    """Co-tuning: each new class is told to the old classifier too, as the mixture of old classes that it resembles.

    ℓ = −λ/n Σ_x Σ_s p(s|y(x)) log q_s(x), with q the old classifier's answer on the features as they are now, and
    p(s|t) = mean of softmax(z⁰(x)/T)_s over the training pictures x of class t, z⁰ its logits at the start.

    What the old classifier says, on average, about the pictures of a new class is how the two sets of classes hang
    together. Asked for while the network learns, it is a second label for each picture, so the old classifier's layer
    is of use too and few labels go further. It helps where the old classes are many and varied; where they have little
    to do with the target, every new class looks alike to the old classifier and the term only slows learning. The
    relation is learned directly, as written above; the paper also inverts a fitted p(t|s), and calibrates the old
    classifier on source pictures first, which T can stand in for. Here the old classifier itself is kept as it came.

    Reference:
        You, Kou, Long and Wang (2020), Co-tuning for transfer learning, NeurIPS, §3 and Algorithm 1; λ is
        that of the authors' code.
    """

    needs: ClassVar[tuple[str, ...]] = ("answers", "classifier")

    weight: float = knob(2.3, 0.0, 1e6, help="λ: how much the labels in terms of old classes count; 0 = off.")
    temperature: float = knob(
        1.0, 0.05, 100.0, help="T of the answers that the relation is learned from; above 1 where they are too sure."
    )

    @property
    def reaches_head(self) -> bool:
        """No: features alone, read by the classifier that came with the weights."""
        return False

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """p(s|t), (classes, old classes).

        Args:
            start: The network with its first weights.
        """
        import torch

        assert start.classifier is not None
        sums = start.classifier.weight.new_zeros(start.n_classes, len(start.classifier.weight))
        counts = sums.new_zeros(start.n_classes)
        with torch.no_grad():
            for side in start.batches("target", 64):
                assert side.labels is not None
                answers = (start.classifier.logits(side.features) / self.temperature).softmax(1)
                sums.index_add_(0, side.labels, answers)
                counts += torch.bincount(side.labels, minlength=start.n_classes)
        return {"relation": sums / counts.clamp(min=1)[:, None]}

    def __call__(self, step: Step) -> Tensor:
        """λ times the cross-entropy from p(s|y)."""
        side = step.batch
        assert step.classifier is not None and side.labels is not None
        now = step.classifier.logits(side.features).float().log_softmax(1)
        return -self.weight * (step.prepared["relation"][side.labels] * now).sum(1).mean()
