"""What a term is: a scalar that is minimised beside the task's loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from tltk.errors import RunProblem
from tltk.specs.knobs import Spec, knob

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from tltk.nn.head import Classifier
    from tltk.nn.net import Net
    from tltk.strategies.phase import Phase

NEEDS = {
    "source": "a batch of both domains in each step",
    "source_at_start": "the source's training pictures before the first step, and none later",
    "layers": "the output of every layer that learns",
    "teacher": "the network as it was at the start, beside the network as it is",
    "answers": "a number kept for each training picture, by position",
    "classifier": "the classifier that came with the weights",
    "attributes": "attributes of each picture beside its class",
    "companion": "a second network that learns beside the first",
    "pictures": "the target's pictures, to pass them through the network once more; no frozen layer's output is kept",
}


def _no_companion(net: Net) -> Side:
    raise RunProblem("A term passes a batch through a network of its own and does not ask for it in `needs`.")


@dataclass(frozen=True)
class Side:
    """One domain's part of a batch, as it passed through the network.

    Attributes:
        features: What enters the head, (n, d).
        logits: (n, classes).
        labels: Class numbers, (n,); −1 where the class is unknown; None where a term must not see them.
        positions: Where the examples stand among the domain's training pictures, (n,) int64, on the CPU.
        layers: Output of each layer that learns, by its index; empty unless a term needs "layers".
        attributes: Numbers of each attribute that a term learns, (n,), by name.
        through: A network built by `Term.build` → the same batch as it passes through that one, with a gradient.
    """

    features: Tensor
    logits: Tensor
    labels: Tensor | None
    positions: Tensor | None = None
    layers: Mapping[int, Tensor] = field(default_factory=dict)
    attributes: Mapping[str, Tensor] = field(default_factory=dict)
    through: Callable[[Net], Side] = _no_companion


class Batches(Protocol):
    """The training pictures of a domain as they pass through the network of the start."""

    def __call__(self, domain: str, size: int, /, most: int = 0) -> Iterator[Side]:
        """Its pictures without augmentation, once each and in order.

        Args:
            domain: "target" or "source".
            size: Pictures in a batch.
            most: How many pictures to draw from it, the same each time; 0 = all.
        """


@dataclass(frozen=True)
class Start:
    """What a term sees before the first step.

    Attributes:
        net: The network with its first weights, in evaluation mode; what learns in any phase asks for a gradient.
        n_classes: Of the task.
        n_train: Training pictures of the target.
        seed: For the term's own draws.
        classifier: That came with the weights; None where a term does not need it.
        batches: ("target" or "source", pictures in a batch) → its training pictures, once each and in order, as
            they pass through the network, with a gradient unless the caller is in `torch.no_grad()`.
        pictures: Pictures in a batch → the target's training pictures in that order, (n, c, h, w) in 0 … 1 on the
            device, for another network than this one.
        classes: Names of the task's classes, by number.
        known: The class of each of the source's training pictures as `classifier` numbers it, (m,); −1 where it does
            not know the class; None where its classes are not known by name, or there is no source.
    """

    net: Net
    n_classes: int
    n_train: int
    seed: int
    classifier: Classifier | None
    batches: Batches
    pictures: Callable[[int], Iterator[Tensor]] = lambda size: iter(())
    classes: tuple[str, ...] = ()
    known: Tensor | None = None


@dataclass(frozen=True)
class Setting:
    """What a term's own weights are made for.

    Attributes:
        net: The network with its first weights, on its device.
        n_classes: Of the task.
        head: Number of logits → a new head of the kind that the network has.
        attributes: Name of each of the term's tasks → names of its classes.
        phases: What the strategy plans: which layers learn together.
    """

    net: Net
    n_classes: int
    head: Callable[[int], nn.Module]
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    phases: Sequence[Phase] = ()


@dataclass(frozen=True)
class Step:
    """What a term sees of a step.

    Attributes:
        target: The target's batch; None where the source's labels are learned from and no term needs both domains,
            and where no labels are learned from and all terms teach.
        source: A batch of the source; None where no term needs one.
        net: The network as it is now.
        start: The first values of all its tensors, by name.
        progress: Share of the training that is done, 0 … 1.
        module: What `Term.build` made, on the device; None if the term has no weights.
        teacher: The target's batch as it passes through the network of the start, in evaluation mode and without a
            gradient; None unless a term needs it. Its logits are those of the new head at the start.
        prepared: What `Term.prepare` gave, on the device.
        classifier: That came with the weights, on the device; None unless a term needs it.
        report: Called with a name and a scalar, it adds a row `term.TERM.NAME` to the training's rows.
        loss: That of the class's labels in this step, a scalar with a gradient.
        pictures: The target's batch as the network reads it, normalised, (n, c, h, w); None unless a term needs it.
        draw: The term's own random numbers at this step, on the CPU.
    """

    target: Side | None
    source: Side | None
    net: Net
    start: Mapping[str, Tensor]
    progress: float
    module: nn.Module | None
    teacher: Side | None = None
    prepared: Mapping[str, Tensor] = field(default_factory=dict)
    classifier: Classifier | None = None
    report: Callable[[str, Tensor], None] = lambda name, value: None
    loss: Tensor | None = None
    pictures: Tensor | None = None
    draw: Generator | None = None

    @property
    def seen(self) -> tuple[Tensor, Generator]:
        """The target's pictures and the term's random numbers, for terms that need "pictures".

        Raises:
            RunProblem: It does not need them.
        """
        if self.pictures is None or self.draw is None:
            raise RunProblem("A term reads pictures that it does not ask for in `needs`.")
        return self.pictures, self.draw

    @property
    def batch(self) -> Side:
        """The batch whose labels are learned from: the target's, or the source's where the target's are not used."""
        labelled = self.target is not None and self.target.labels is not None
        return _require_side(self.target if labelled or self.source is None else self.source)

    @property
    def pair(self) -> tuple[Side, Side]:
        """Source and target, for terms that need both."""
        return _require_side(self.source), _require_side(self.target)


def _require_side(side: Side | None) -> Side:
    if side is None:
        raise RunProblem("A term reads a batch that it does not ask for in `needs`.")
    return side


@dataclass(frozen=True)
class Term(Spec, ABC):
    """The base of all terms. With weight 0 a term is not computed: the training is then one without it, bit for bit."""

    needs: ClassVar[tuple[str, ...]] = ()  # of NEEDS
    least: ClassVar[int] = 1  # pictures that a batch must hold for the value to be defined
    eager: ClassVar[Mapping[str, float]] = {}  # knobs with which it acts from the first step on, for tests
    teaches: ClassVar[bool] = False  # whether it can teach a network by itself, from `pictures` alone
    passes: ClassVar[int] = 0  # how often each picture passes through the network for it, beside the task's own pass

    weight: float = knob(1.0, 0.0, 1e6, help="Factor of the term in the loss; 0 = off.")

    @property
    def reaches_head(self) -> bool:
        """Whether the head gets a gradient; a term on features or on the backbone's weights changes nothing without."""
        return True

    @property
    def tasks(self) -> tuple[str, ...]:
        """Attributes of the pictures that it learns beside the class; each is scored like the class."""
        return ()

    @property
    def tasks_on_source(self) -> bool:
        """Whether it learns them of the source's pictures though the class is learned of the target's."""
        return False

    def build(self, setting: Setting) -> nn.Module | None:
        """What the term learns itself, where it hangs on more than widths: `module`, unless a term says otherwise.

        A network that it gives is frozen, rated and audited layer by layer as the first one is.

        Args:
            setting: What it is made for.
        """
        return self.module(setting.net.width, setting.n_classes)

    def answer(self, module: nn.Module, task: str, features: Tensor, logits: Tensor) -> Tensor:
        """Logits of one of its tasks, (n, classes).

        Args:
            module: What `build` gave.
            task: One of `tasks`.
            features: (n, d) of the term's own network, where it has one, else of the first.
            logits: (n, classes) of the same.
        """
        raise NotImplementedError

    def task_weights(self, module: nn.Module) -> Mapping[str, float]:
        """What the loss of each task counts now, by name; `class` is that of the class.

        Args:
            module: What `build` gave.
        """
        return {}

    def module(self, width: int, n_classes: int) -> nn.Module | None:
        """What the term learns itself, such as a discriminator; it is optimised, saved and resumed with the network.

        Args:
            width: Features d that enter the head.
            n_classes: Of the task.
        """
        return None

    def prepare(self, start: Start) -> Mapping[str, Tensor]:
        """What the term computes once, before the first step, such as a Fisher information; saved and resumed.

        Args:
            start: The network with its first weights, and its training pictures.

        Raises:
            RunProblem, BadSpec: It cannot be computed; the sentence says why.
        """
        return {}

    @abstractmethod
    def __call__(self, step: Step) -> Tensor:
        """The term's value at this step, times its weight.

        Args:
            step: What passed through the network.

        Returns:
            A scalar with a gradient.
        """
