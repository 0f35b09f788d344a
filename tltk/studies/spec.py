"""What studies of several techniques are asked for in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field, read_value
from tltk.specs.parts import BUT_SIZE, DataSpec, NetSpec, OptimSpec, ViewSpec, read_alike


@dataclass(frozen=True)
class ArmsSpec(Spec):
    """The base of studies: domains, a network, a budget, and the rates that are searched.

    A source is read at the target's size.
    """

    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE}
    trains: ClassVar[bool] = True

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    net: NetSpec = field(default_factory=NetSpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    lrs: tuple[float, ...] = list_field(
        (3e-4, 1e-3, 3e-3), help="Learning rates that every arm is searched over, separated by commas."
    )
    widen: int = knob(2, 0, 10, help="How often the rates are extended where the best one lies at their edge.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            object.__setattr__(self, "source", read_alike(self.source, self.target))
        object.__setattr__(self, "lrs", read_rates(self.lrs))

    def check(self) -> None:
        """Refuse weights that would not be used.

        Raises:
            BadSpec: Weights are named, and a source that would train others.
        """
        super().check()
        if getattr(self, "labels", "target") == "target":
            refuse_two_starts(self.source, self.net.weights)


@dataclass(frozen=True)
class StudySpec(ArmsSpec):
    """The base of studies over seeds: the same with the seeds that are measured."""

    seeds: int = knob(3, 2, 50, help="Seeds per arm; a ranking needs at least three.")
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")


def refuse_two_starts(source: DataSpec | None, weights: str) -> None:
    """Refuse weights beside a source on which the weights are trained first.

    Args:
        source: What the weights are trained on; None = they come from elsewhere.
        weights: Where they come from, as in store:NAME.

    Raises:
        BadSpec: Both are named.
    """
    if source is not None and weights != "scratch":
        raise BadSpec(
            f"The weights that are transferred come from one place. The source {source.name} would train them here, "
            f"and net.weights is {weights}; leave out --source or --weights."
        )


def read_rates(lrs: object) -> tuple[float, ...]:
    """Learning rates to search.

    Raises:
        BadSpec: None, or some that no training can have.
    """
    found: tuple[float, ...] = read_value(tuple[float, ...], lrs, "lrs")
    if not found or any(not 1e-7 <= lr <= 10 for lr in found):
        raise BadSpec(f"lrs must hold learning rates between 1e-7 and 10. Got {lrs!r}.")
    return found


def read_arms(arms: tuple[str, ...], least: int = 2, most: int | None = None) -> tuple[str, ...]:
    """Words of techniques, without blanks around them.

    Args:
        arms: As they were written.
        least: How many there must be.
        most: How many there may be; None = any number.

    Raises:
        BadSpec: Too few or too many, an empty one, or one that is named twice.
    """
    found = tuple(str(one).strip() for one in arms)
    number = len(found)
    if number < least or (most is not None and number > most) or len(set(found)) < number or not all(found):
        shown = ", ".join(found) or "none"
        wanted = "Two techniques or more" if most is None else "One technique or two"
        raise BadSpec(f"{wanted} must be named, each of them once. Got {shown}.")
    return found
