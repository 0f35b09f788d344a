"""What a study of labels is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field, read_value
from tltk.specs.parts import BUT_SIZE, DataSpec, NetSpec, OptimSpec, ViewSpec


@dataclass(frozen=True)
class LabelsSpec(Spec):
    """A study: accuracy against the number of labelled pictures, and how many labels the transferred weights are worth.

    Few-shot sets of one seed are nested, and all are tested on the same pictures. The first arm is the yardstick.
    With `source` the weights are trained on it first, and `net.weights` is ignored.
    """

    kind: ClassVar[str] = "labels"
    verb: ClassVar[str] = "labels"
    about: ClassVar[str] = "Accuracy against the number of labels: how many labels are the transferred weights worth?"
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "source": BUT_SIZE,
        "target": ("name", "n", "size", "val", "test", "seed"),
    }
    trains: ClassVar[bool] = True

    target: DataSpec = field(default_factory=DataSpec)
    source: DataSpec | None = None
    source_optim: OptimSpec = field(default_factory=OptimSpec)
    net: NetSpec = field(default_factory=NetSpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    views: ViewSpec = field(default_factory=ViewSpec)
    arms: tuple[str, ...] = list_field(
        ("scratch", "feature_extraction", "fine_tune"),
        help="Techniques, separated by commas; the first is the yardstick.",
    )
    shots: tuple[int, ...] = list_field(
        (5, 10, 20, 50), help="Labelled training pictures per class, separated by commas."
    )
    lrs: tuple[float, ...] = list_field(
        (3e-4, 1e-3, 3e-3), help="Learning rates that every arm is searched over at each number of labels."
    )
    widen: int = knob(1, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds per arm and number of labels.")
    first_seed: int = knob(0, 0, 2**31 - 1, help="The first seed; the others follow.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            object.__setattr__(self, "source", dataclasses.replace(self.source, size=self.target.size))
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))
        rates = read_value(tuple[float, ...], self.lrs, "lrs")
        if not rates or any(not 1e-7 <= lr <= 10 for lr in rates):
            raise BadSpec(f"lrs must hold learning rates between 1e-7 and 10. Got {self.lrs!r}.")
        object.__setattr__(self, "lrs", rates)
        shots = read_value(tuple[int, ...], self.shots, "shots")
        if len(set(shots)) < 2 or any(not 1 <= n <= 100_000 for n in shots):
            raise BadSpec(f"shots must hold two numbers of labels or more, each 1 to 100,000. Got {self.shots!r}.")
        object.__setattr__(self, "shots", tuple(sorted(set(shots))))
        arms = tuple(str(one).strip() for one in self.arms)
        if len(arms) < 2 or len(set(arms)) < len(arms) or not all(arms):
            raise BadSpec(f"Two techniques or more must be named, each of them once. Got {', '.join(arms) or 'none'}.")
        object.__setattr__(self, "arms", arms)
