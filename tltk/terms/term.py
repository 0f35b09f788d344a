"""What a term is: a scalar that is minimised beside the task's loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import Spec, knob

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tltk.nn.net import Net


@dataclass(frozen=True)
class Side:
    """One domain's part of a batch, as it passed through the network.

    Attributes:
        features: What enters the head, (n, d).
        logits: (n, classes).
        labels: Class numbers, (n,); None where a term must not see them.
    """

    features: Tensor
    logits: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Step:
    """What a term sees of a step.

    Attributes:
        target: The batch that is learned from.
        source: A batch of the source as large as the target's; None where there is no source.
        net: The network as it is now.
        start: The first values of all its tensors, by name.
        progress: Share of the training that is done, 0 … 1.
        module: What `Term.module` made, on the device; None if the term has no weights.
    """

    target: Side
    source: Side | None
    net: Net
    start: Mapping[str, Tensor]
    progress: float
    module: nn.Module | None


@dataclass(frozen=True)
class Term(Spec):
    """The base of all terms. With weight 0 a term is not computed: the training is then one without it, bit for bit."""

    needs: ClassVar[tuple[str, ...]] = ()  # "source": a second domain in each step

    weight: float = knob(1.0, 0.0, 1e6, help="Factor of the term in the loss; 0 = off.")

    def module(self, width: int, n_classes: int) -> nn.Module | None:
        """What the term learns itself, such as a discriminator; it is optimised, saved and resumed with the network.

        Args:
            width: Features d that enter the head.
            n_classes: Of the task.
        """
        return None

    def __call__(self, step: Step) -> Tensor:
        """The term's value at this step, times its weight.

        Args:
            step: What passed through the network.

        Returns:
            A scalar with a gradient.
        """
        raise NotImplementedError
