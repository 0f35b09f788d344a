"""EWC: decay towards the start, stiff where the source needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.terms.term import Start, Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ewc(Term):
    """Elastic weight consolidation: decay towards the start, stiff in those weights that the source depends on.

    ℓ = λ/2 Σ_i F_i (w_i − w_i⁰)², with F_i = E_x[(∂ log p(y|x) / ∂w_i)²] over pictures x of the source, p the answers
    of the classifier that came with the weights, and w_i the weights of the backbone that learn.

    A weight that the source's answers hardly depend on is free to move; one that they depend on is held. It forgets
    less of the source than plain fine-tuning and keeps more freedom than L2-SP, at the price of one pass over source
    pictures, one at a time, before the first step. The Fisher information describes the start alone, so where the
    target lies far away, or λ is small, the source is forgotten all the same; where λ is large, the target is not
    learned. The square is taken of each picture's gradient: that of a batch's mean gradient is smaller by about the
    size of the batch and is no Fisher information. The source's classifier is not trained further. Running
    statistics of batch normalisation are no weights: they follow the batches of the target whatever λ is.

    Reference:
        Kirkpatrick et al. (2017), Overcoming catastrophic forgetting in neural networks, PNAS 114(13), Eq. 3.
        arXiv:1612.00796. On labels of the model or of the data: Kunstner, Balles and Hennig (2019), Limitations of
        the empirical Fisher approximation for natural gradient descent, NeurIPS, Eq. 2–4. arXiv:1905.12558.
    """

    needs: ClassVar[tuple[str, ...]] = ("source_at_start", "classifier")

    weight: float = knob(400.0, 0.0, 1e9, help="λ: how much the source counts against the target; 0 = off.")
    labels: str = knob(
        "model",
        choices=("model", "data"),
        help="y of the Fisher information: drawn from the model's own answer, as its definition says, or the labels.",
    )
    pictures: int = knob(500, 0, 10_000_000, help="Source pictures that it is estimated on, drawn by lot; 0 = all.")

    @property
    def reaches_head(self) -> bool:
        """No: the weights of the backbone alone."""
        return False

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """√(λF) of each tensor of the backbone that learns, by name: what `squared_distance` multiplies by.

        Args:
            start: The network with its first weights.

        Raises:
            BadSpec: The labels are asked for and the classifier knows none of them by name.
        """
        import torch
        from torch.nn.functional import cross_entropy

        assert start.classifier is not None
        draw = torch.Generator().manual_seed(start.seed)
        net = start.net
        free = {n: p for n, p in net.named_parameters() if p.requires_grad and net.layer_of[n] < net.depth}
        fisher, n = {name: torch.zeros_like(p) for name, p in free.items()}, 0
        if not free:
            return fisher
        for side in start.batches("source", 1, most=self.pictures):
            logits = start.classifier.logits(side.features)
            if self.labels == "model":
                y = torch.multinomial(logits.detach().softmax(1).cpu(), 1, generator=draw)[0]
            else:
                assert side.positions is not None
                y = side.positions.new_tensor([-1]) if start.known is None else start.known[side.positions]
                if y[0] < 0:
                    continue
            found = torch.autograd.grad(
                cross_entropy(logits, y.to(logits.device)), list(free.values()), allow_unused=True
            )
            for name, gradient in zip(free, found, strict=True):
                if gradient is not None:
                    fisher[name] += gradient.square()
            n += 1
        if not n:
            raise BadSpec(
                "Labels of the source can be used where the weights' classifier knows its classes by name. It knows "
                "none of these pictures'; take ewc:labels=model."
            )
        return {name: (total * (self.weight / n)).sqrt() for name, total in fisher.items()}

    def __call__(self, step: Step) -> Tensor:
        """λ/2 Σ F (w − w⁰)²."""
        from tltk.nn.decay import squared_distance

        held = {n: p for n, p in step.net.named_parameters() if p.requires_grad and n in step.prepared}
        if not held:
            return step.batch.logits.new_zeros(())
        starts, roots = [step.start[n] for n in held], [step.prepared[n] for n in held]
        return squared_distance(list(held.values()), starts, roots) / 2
