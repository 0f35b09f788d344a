"""Multi-task learning with hard sharing: one network, a head for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.terms.term import Setting, Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASS = "class"  # of the weights; attributes have names of their own
LOG_VARIANCES = "log_variances"


@dataclass(frozen=True)
class MultiTask(Term):
    """Multi-task learning, hard sharing: one network learns the class and attributes of the pictures, a head for each.

    ℓ = λ Σ_k L_k with fixed weights, L_k the cross-entropy of attribute k by a head of its own on the same features. By
    uncertainty the loss as a whole is e^{−s₀} L₀ + s₀/2 + λ Σ_k (e^{−s_k} L_k + s_k/2), with L₀ that of the class and
    s = log σ² learned with the network from 0 on.

    What the tasks have in common is learned from all their labels, so features become better where labels of the class
    are few and those of the attribute many (`pictures=source`, the same or other pictures that are asked for it
    alone), and where the attribute stands for something that the class hangs on. It hurts where the tasks pull the
    network apart, as when the class should not hang on what the attribute asks for, and where the network is too small
    for both; below the boundary nothing is shared but what was frozen. Weights by uncertainty give each task about
    as much as its loss is small: they balance tasks, and do not know that the class is the one that counts. They
    move with the learning rate, so in a short training they stay near 1. The heads are left behind at the end.

    Reference:
        Caruana (1997), Multitask learning, Machine Learning 28, 41–75. Weights by uncertainty: Kendall, Gal and
        Cipolla (2018), Multi-task learning using uncertainty to weigh losses for scene geometry and semantics, CVPR,
        Eq. 10 for tasks with classes, as log variances §3.2. arXiv:1705.07115.
    """

    needs: ClassVar[tuple[str, ...]] = ("attributes",)

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the attributes' losses; 0 = off.")
    task: str = knob("parity", help="Attributes to learn beside the class, as in colour/texture.")
    weighting: str = knob(
        "fixed", choices=("fixed", "uncertainty"), help="Whether the losses' weights are fixed or learned."
    )
    pictures: str = knob(
        "labelled",
        choices=("labelled", "source"),
        help="Whose attributes: of the pictures of which the class is learned, or of the source's, whose class is not.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pictures == "source":
            object.__setattr__(self, "needs", (*type(self).needs, "source"))

    def check(self) -> None:
        """Refuse no task, and one that is named twice.

        Raises:
            BadSpec: It is so.
        """
        if not all(self.tasks) or len(set(self.tasks)) < len(self.tasks):
            raise BadSpec(f"Tasks beside the class must be attributes, each named once. Got {self.task!r}.")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The attributes that are named."""
        return tuple(part.strip() for part in self.task.split("/"))

    @property
    def tasks_on_source(self) -> bool:
        """As the knob says."""
        return self.pictures == "source"

    @property
    def reaches_head(self) -> bool:
        """By uncertainty, which weighs the class's loss; heads of other tasks alone do not."""
        return self.weighting == "uncertainty"

    def build(self, setting: Setting) -> nn.Module:
        """A head for each attribute, and the log variances s of the class and of each of them.

        Args:
            setting: What they are made for.
        """
        import torch
        from torch import nn

        found = nn.ModuleDict({"heads": nn.ModuleList(setting.head(len(setting.attributes[t])) for t in self.tasks)})
        if self.weighting == "uncertainty":
            found[LOG_VARIANCES] = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in (CLASS, *self.tasks)])
        return found

    def answer(self, module: nn.Module, task: str, features: Tensor, logits: Tensor) -> Tensor:
        """What the attribute's head says.

        Args:
            module: Of `build`.
            task: The attribute.
            features: (n, d).
            logits: Of the class; not looked at.
        """
        found: Tensor = _parts(module, "heads")[self.tasks.index(task)](features)
        return found

    def task_weights(self, module: nn.Module) -> dict[str, float]:
        """e^{−s}, times λ but for the class; λ alone where weights are fixed.

        Args:
            module: Of `build`.
        """
        if self.weighting == "fixed":
            return {CLASS: 1.0, **dict.fromkeys(self.tasks, self.weight)}
        first, *others = ((-s).exp().item() for s in _parts(module, LOG_VARIANCES))
        return {CLASS: first, **{t: self.weight * w for t, w in zip(self.tasks, others, strict=True)}}

    def __call__(self, step: Step) -> Tensor:
        """ℓ; by uncertainty, what makes of L₀ the loss as a whole."""
        import torch
        from torch.nn.functional import cross_entropy

        assert step.module is not None and step.loss is not None
        side = step.pair[0] if self.pictures == "source" else step.batch
        losses = []
        for task in self.tasks:
            answers, numbers = self.answer(step.module, task, side.features, side.logits), side.attributes[task]
            losses.append(cross_entropy(answers, numbers))
            step.report(f"{task}.loss", losses[-1])
            step.report(f"{task}.accuracy", (answers.argmax(1) == numbers).float().mean())
        if self.weighting == "fixed":
            return self.weight * torch.stack(losses).sum()
        first, *others = _parts(step.module, LOG_VARIANCES)
        total: Tensor = ((-first).exp() - 1) * step.loss + first / 2
        for s, loss in zip(others, losses, strict=True):
            total = total + self.weight * ((-s).exp() * loss + s / 2)
        return total


def _parts(module: nn.Module, name: str) -> list[Any]:
    """The heads, or the log variances, of what `build` gave."""
    return list(module[name])  # type: ignore[index]
