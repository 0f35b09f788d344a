"""Knowledge distillation: the answers of a finished run are learned beside the labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.errors import BadSpec, abbreviate
from tltk.specs.knobs import knob
from tltk.specs.size import channels_and_size
from tltk.terms.term import Start, Step, Term

if TYPE_CHECKING:
    from torch import Tensor

    from tltk.nn.head import Classifier
    from tltk.nn.net import Net


@dataclass(frozen=True)
class Distillation(Term):
    """Knowledge distillation: the softened answers of a teacher, a finished run, are learned beside the labels.

    ℓ = −λ T²/n Σ_x Σ_c p_c(x) log q_c(x), with p = softmax(v/T) of the teacher's logits v and q = softmax(z/T) of this
    network's; T² keeps the size of the gradient what it is at T = 1.

    A teacher says of each picture not only its class but what else it resembles, and that is more to learn from than
    a label. It helps a small network most, taught by a large one or by the best of several runs, and where labels are
    few or doubtful. A teacher that errs hands its errors on, and one that names its training pictures with certainty
    says little more than the labels. Its answers to each training picture are written down once, before the first
    step, without augmentation and at the size of the target's pictures. It must know the same classes by name, in any
    order, and should have been trained on the same division of the target: else it has seen pictures that test here.

    Reference:
        Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, NeurIPS Deep Learning Workshop,
        Eq. 1–4 and §2. arXiv:1503.02531.
    """

    needs: ClassVar[tuple[str, ...]] = ("answers",)

    teacher: str = knob("", help="The run that teaches, run:ID or run:ID@EPOCH; its head must be linear.")
    weight: float = knob(1.0, 0.0, 1e6, help="λ: how much the teacher's answers count against the labels; 0 = off.")
    temperature: float = knob(4.0, 0.1, 100.0, help="T: above 1, classes that are not the first count for more.")

    def check(self) -> None:
        """Refuse a teacher that is not named.

        Raises:
            BadSpec: It is none.
        """
        if not self.teacher.startswith("run:"):
            raise BadSpec(
                f"distillation.teacher must name a finished run, as in distillation:teacher=run:ID. "
                f"Got {abbreviate(self.teacher)}."
            )

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """p of each training picture, (n, classes).

        Args:
            start: The network with its first weights.

        Raises:
            BadSpec: The teacher's head is not linear, or it knows other classes.
            UnknownName, WeightsMissing: There is no such run, or it has not finished.
        """
        import torch

        from tltk.nn.cut import evaluation_mode

        found: list[Tensor] = []
        net: Net | None = None
        with torch.no_grad():
            for pictures in start.pictures(64):
                if net is None:
                    net, head = self._load(pictures, start.classes)
                with evaluation_mode(net):
                    features = net.pool(net.backbone(net.normalise(pictures)))
                found.append((head.logits(features) / self.temperature).softmax(1))
        return {"answers": torch.cat(found)}

    def _load(self, pictures: Tensor, classes: tuple[str, ...]) -> tuple[Net, Classifier]:
        """The teacher on the device of these pictures, its classifier's rows in the order of these classes."""
        from tltk.data.classes import UNKNOWN, match_classes
        from tltk.specs.training import TransferSpec
        from tltk.weights import load, store

        run, _ = store.run_weights(self.teacher.removeprefix("run:"))
        if not isinstance(run.spec, TransferSpec):
            raise BadSpec(f"A teacher must be a training. Run {run.id} is of kind {run.spec.kind}; choose another run.")
        spec = dataclasses.replace(run.spec.net, weights=self.teacher)
        head = load.source_classifier(spec)
        if head is None:
            raise BadSpec(
                f"A teacher must have a linear head that learned from labels. That of run {run.id} is {spec.head} and "
                f"learned from {run.spec.labels!r}; choose another run."
            )
        rows = match_classes(classes, head.classes)
        if len(head.classes) != len(classes) or (rows == UNKNOWN).any():
            raise BadSpec(
                f"A teacher must tell the target's classes apart, by name: {abbreviate(', '.join(classes))}. "
                f"Run {run.id} knows {abbreviate(', '.join(head.classes)) or 'none by name'}; choose another run."
            )
        channels, size = channels_and_size(pictures.shape)
        net = load.build_net(spec, len(classes), size, channels, 0).to(pictures.device)
        weight, bias = (t[rows].to(pictures.device) for t in (head.weight, head.bias))
        return net, dataclasses.replace(head, weight=weight, bias=bias, classes=classes)

    def __call__(self, step: Step) -> Tensor:
        """λ T² times the cross-entropy from the teacher's answers."""
        side = step.batch
        assert side.positions is not None
        taught = step.prepared["answers"][side.positions.to(side.logits.device)]
        now = (side.logits.float() / self.temperature).log_softmax(1)
        return -self.weight * self.temperature**2 * (taught * now).sum(1).mean()
