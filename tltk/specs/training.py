"""A training: one network, its weights, a target domain, a strategy, a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import (
    BUT_SIZE,
    AdapterSpec,
    DataSpec,
    NetSpec,
    OptimSpec,
    StrategySpec,
    TermSpec,
    ViewSpec,
    read_alike,
)


@dataclass(frozen=True)
class TransferSpec(Spec):
    """One training run: a network, its weights, a target domain, a strategy, a seed.

    `source` is a second domain, read at the target's size: its pictures are seen by the `terms`, its labels are learned
    from where `labels` says so, and its test tells what is forgotten where the weights came with its classifier.
    `without` names a domain whose validation and test examples this run must not see: those that the target
    also holds are taken out of all its parts. A source network is trained so, and what tests it stays unseen.
    """

    kind: ClassVar[str] = "transfer"
    verb: ClassVar[str] = "run"
    about: ClassVar[str] = "Train one network on one domain with one strategy."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE}
    trains: ClassVar[bool] = True
    later: ClassVar[tuple[str, ...]] = ("without", "source", "adapter", "terms", "labels")

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    strategy: StrategySpec = field(default_factory=StrategySpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for the few-shot subset, the new weights and the order of batches.")
    without: DataSpec | None = None
    source: DataSpec | None = None
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    terms: tuple[TermSpec, ...] = ()
    labels: str = knob(
        "target",
        choices=("target", "source", "both", "none"),
        help="Whose labels are learned from. source: adaptation without the target's labels, which only test it. "
        "none: a term teaches without labels, such as simclr, and the head is not trained.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "terms", tuple(self.terms))
        if self.source is not None:
            object.__setattr__(self, "source", read_alike(self.source, self.target))

    def check(self) -> None:
        """Refuse labels that are not there, and what would use those that must stay unused.

        Raises:
            BadSpec: A reset of weights that are new in any case; labels of a source that is not named; few-shot
                subsets or mixup where the target's labels must not be used; a source where no labels are.
        """
        super().check()
        if self.net.reset and self.net.weights == "scratch":
            raise BadSpec(
                f"Layers are given new weights where the others come from somewhere. net.reset is {self.net.reset} and "
                f"net.weights is scratch; leave reset at 0, or name weights."
            )
        if self.net.keep_head and self.net.weights == "scratch":
            raise BadSpec(
                "A classifier can be kept where weights come with one. net.keep_head is on and net.weights is scratch; "
                "name weights, such as run:ID, or leave keep_head out."
            )
        if self.labels in ("source", "none") and self.optim.metric != "accuracy":
            raise BadSpec(
                f"Without the target's labels epochs are compared by accuracy. labels is {self.labels!r} and "
                f"optim.metric is {self.optim.metric}; leave it at accuracy, and score the run by `tltk evaluate`."
            )
        if self.labels == "target":
            return
        if self.labels == "none":
            self._check_unlabelled()
            return
        if self.source is None:
            raise BadSpec(
                f"Labels of the source can be learned from where there is one. labels is {self.labels!r} and there is "
                f"no source; name one with --source."
            )
        if self.optim.mixup:
            raise BadSpec(
                "Mixup blends pictures of one domain. It must be 0 where the source's labels are learned from; "
                f"optim.mixup is {self.optim.mixup:g}."
            )
        if self.labels == "source" and self.target.shots:
            raise BadSpec(
                f"Few labels per class can be drawn where the target's labels are used. labels is 'source' and "
                f"shots is {self.target.shots}; leave shots at 0, and use n for fewer pictures."
            )

    def _check_unlabelled(self) -> None:
        """Refuse what has no meaning where nobody's labels are learned from."""
        if self.source is not None:
            raise BadSpec(
                f"Without labels the target's pictures alone are learned from. labels is 'none' and the source is "
                f"{self.source.name}; leave --source out."
            )
        if self.optim.weighs_classes or self.optim.focal:
            raise BadSpec(
                "Classes are weighed where labels are learned from. labels is 'none'; leave class_weights, "
                "logit_adjustment, focal and sampling as they are."
            )
        if self.optim.mixup or self.optim.label_smoothing:
            raise BadSpec(
                f"Mixup and smoothing are of labels. labels is 'none', optim.mixup is {self.optim.mixup:g} and "
                f"optim.label_smoothing {self.optim.label_smoothing:g}; set both to 0."
            )
        if self.target.shots:
            raise BadSpec(
                f"Few labels per class can be drawn where labels are used. labels is 'none' and shots is "
                f"{self.target.shots}; leave shots at 0, and use n for fewer pictures."
            )
