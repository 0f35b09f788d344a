"""Multi-task learning with soft sharing: a network for each of two tasks, held near each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from tltk.specs.knobs import knob
from tltk.terms.term import Setting, Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tltk.nn.net import Net


@dataclass(frozen=True)
class SoftSharing(Term):
    """Multi-task learning, soft sharing: a second network learns an attribute, and the two hold each other's weights.

    ℓ = w L_b + Σ_l λ_l ‖W_a,l − W_b,l‖², with L_b the cross-entropy of the attribute by the second network, W_a,l and
    W_b,l the weights of the l-th layer of the first and of the second, over the layers of the backbone that learn, and
    λ_l = λ ρ^(l − b) from the boundary b on.

    Both networks begin with the same weights and the same frozen layers, and each has a head of its own. The penalty
    lets them differ where their tasks need it, layer by layer, which one network for both cannot; with λ = 0 they do
    not know of each other, with λ large they are one network but for the head. It helps where tasks agree in part; it
    costs a second network's memory and time, and λ must be found: weights are many, so that it acts far below 1. With ρ
    below 1 the upper layers are freer, where tasks are said to differ most. The second network is left behind at the
    end. The sum of squares treats every weight alike; the trace norm of both networks' layers asks for a common
    subspace instead (Yang and Hospedales 2017) and is not here.

    Reference:
        Duong, Cohn, Bird and Cook (2015), Low resource dependency parsing: cross-lingual parameter sharing in a neural
        network parser, ACL. Yang and Hospedales (2017), Trace norm
        regularised deep multi-task learning, ICLR Workshops. arXiv:1606.04038.
    """

    needs: ClassVar[tuple[str, ...]] = ("attributes", "companion")

    weight: float = knob(1.0, 0.0, 1e6, help="w: factor of the second network's loss; 0 = off, its coupling too.")
    task: str = knob("parity", help="The attribute that the second network learns.")
    coupling: float = knob(0.01, 0.0, 1e6, help="λ: pull of the two networks' weights towards each other.")
    decay: float = knob(1.0, 0.0, 1.0, help="ρ: factor of the coupling from a layer to the next above; 1 = the same.")
    pictures: str = knob(
        "labelled",
        choices=("labelled", "source"),
        help="Whose attribute: of the pictures of which the class is learned, or of the source's, whose class is not.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pictures == "source":
            object.__setattr__(self, "needs", (*type(self).needs, "source"))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The one that is named."""
        return (self.task.strip(),)

    @property
    def tasks_on_source(self) -> bool:
        """As the knob says."""
        return self.pictures == "source"

    @property
    def reaches_head(self) -> bool:
        """Networks are coupled below their heads."""
        return False

    def build(self, setting: Setting) -> nn.Module:
        """The second network: the first as it is, with a head for the attribute.

        Args:
            setting: Holds the first.
        """
        import copy

        found = copy.deepcopy(setting.net)
        device = next(found.parameters()).device
        found.head = setting.head(len(setting.attributes[self.tasks[0]])).to(device)
        return found

    def answer(self, module: nn.Module, task: str, features: Tensor, logits: Tensor) -> Tensor:
        """What the second network's head says.

        Args:
            module: The second network.
            task: The attribute.
            features: Of the second network, (n, d).
            logits: Of the second network, (n, classes).
        """
        return logits

    def task_weights(self, module: nn.Module) -> Mapping[str, float]:
        """w.

        Args:
            module: The second network.
        """
        return {self.tasks[0]: self.weight}

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        from torch.nn.functional import cross_entropy

        second = cast("Net", step.module)  # as `build` gave it
        side = step.pair[0] if self.pictures == "source" else step.batch
        answers, numbers = side.through(second).logits, side.attributes[self.tasks[0]]
        loss = cross_entropy(answers, numbers)
        step.report(f"{self.tasks[0]}.loss", loss)
        step.report(f"{self.tasks[0]}.accuracy", (answers.argmax(1) == numbers).float().mean())
        gap, pull = answers.new_zeros((), dtype=loss.dtype), answers.new_zeros((), dtype=loss.dtype)
        layer_of, depth = step.net.layer_of, step.net.depth
        first = {n: p for n, p in step.net.named_parameters() if p.requires_grad and layer_of[n] < depth}
        lowest = min((layer_of[n] for n in first), default=0)
        theirs = dict(second.named_parameters())
        for name, parameter in first.items():
            square = (parameter - theirs[name]).square().sum()
            gap = gap + square.detach()
            pull = pull + self.decay ** (layer_of[name] - lowest) * square
        step.report("distance", gap.sqrt())
        return self.weight * loss + self.coupling * pull
