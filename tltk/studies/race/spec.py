"""What a race is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field, read_value
from tltk.specs.parts import BUT_SIZE, DataSpec, NetSpec, OptimSpec, ViewSpec


@dataclass(frozen=True)
class RaceSpec(Spec):
    """A study: techniques side by side at a matched budget, ranked as far as they can be told apart.

    With `source`, and the target's labels learned from, the weights are trained on the source first, and `net.weights`
    is ignored. With `labels` "source" every technique begins with `net.weights` and learns from the source's labels.
    """

    kind: ClassVar[str] = "race"
    verb: ClassVar[str] = "race"
    about: ClassVar[str] = "Several techniques under one budget, ranked as far as they can be told apart."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE}
    trains: ClassVar[bool] = True

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    net: NetSpec = field(default_factory=NetSpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    arms: tuple[str, ...] = list_field(
        ("scratch", "feature_extraction", "fine_tune"),
        help="Techniques, separated by commas: a strategy, an adapter and terms joined by +, as in "
        '"lora:rank=4+l2_sp@3"; also scratch, source_only and target_only.',
    )
    labels: str = knob("target", choices=("target", "source", "both"), help="Whose labels are learned from.")
    lrs: tuple[float, ...] = list_field(
        (3e-4, 1e-3, 3e-3), help="Learning rates that every arm is searched over, separated by commas."
    )
    widen: int = knob(2, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds per arm; a ranking needs at least three.")
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )
    forgetting: bool = knob(False, help="Whether accuracy on the source is measured after each epoch too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            object.__setattr__(self, "source", dataclasses.replace(self.source, size=self.target.size))
        rates = read_value(tuple[float, ...], self.lrs, "lrs")
        if not rates or any(not 1e-7 <= lr <= 10 for lr in rates):
            raise BadSpec(f"lrs must hold learning rates between 1e-7 and 10. Got {self.lrs!r}.")
        object.__setattr__(self, "lrs", rates)
        arms = tuple(str(one).strip() for one in self.arms)
        if len(arms) < 2 or len(set(arms)) < len(arms) or not all(arms):
            raise BadSpec(f"A race needs two techniques or more, each of them once. Got {', '.join(arms) or 'none'}.")
        object.__setattr__(self, "arms", arms)
