"""What a comparison of scratch and transfer is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.specs.knobs import Spec, knob, list_field
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
from tltk.studies.spec import read_rates, refuse_two_starts


@dataclass(frozen=True)
class CompareSpec(Spec):
    """A study: the same network from scratch and with transferred weights, at a matched budget.

    The two arms share data, steps, schedule and the search over `lrs`; they differ in the weights
    they start from and, for the transfer arm, in strategy and boundary. With `source` the weights
    are trained here first, and `net.weights` must be scratch; the source is read at the target's size.
    Adapter and terms are the transfer arm's too; terms that need a second domain see the source.
    """

    kind: ClassVar[str] = "compare"
    verb: ClassVar[str] = "compare"
    about: ClassVar[str] = (
        "Scratch against transfer at a matched budget, with a verdict. "
        "Without domains or weights it asks the example question: "
        "do rendered digits help with digits on photo backgrounds?"
    )
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE}
    trains: ClassVar[bool] = True
    later: ClassVar[tuple[str, ...]] = ("delta", "adapter", "terms", "widen", "most_seeds", "matched")

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    net: NetSpec = field(default_factory=NetSpec)
    strategy: StrategySpec = field(default_factory=StrategySpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    lrs: tuple[float, ...] = list_field(
        (3e-4, 1e-3, 3e-3), help="Learning rates that both arms are searched over, separated by commas."
    )
    widen: int = knob(2, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds per arm; a verdict needs at least three.")
    most_seeds: int = knob(
        0,
        0,
        50,
        help="While it cannot be told, go on to so many seeds; the error rate holds under looking. 0 = no.",
    )
    matched: str = knob(
        "steps",
        choices=("steps", "flops"),
        help="What both arms have as much of: steps and pictures, or FLOPs, so that the cheaper arm gets more epochs.",
    )
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    terms: tuple[TermSpec, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "terms", tuple(self.terms))
        if self.source is not None:
            object.__setattr__(self, "source", read_alike(self.source, self.target))
        object.__setattr__(self, "lrs", read_rates(self.lrs))

    def check(self) -> None:
        """Refuse weights that would not be used.

        Raises:
            BadSpec: Weights are named, and a source that would train others.
        """
        super().check()
        refuse_two_starts(self.source, self.net.weights)
