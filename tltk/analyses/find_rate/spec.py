"""What `tltk find-rate` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk import adapters
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec

COUNTS = ("optimizer", "batch_size", "weight_decay", "momentum", "device")  # of how it is trained


@dataclass(frozen=True)
class FindRateSpec(Spec):
    """A question: at which learning rate does this network begin to learn, and at which does it diverge?

    Of `optim` the optimiser with its decay and momentum, the batch size and the device matter; the rest is dropped, so
    that one question has one id.
    """

    kind: ClassVar[str] = "find_rate"
    verb: ClassVar[str] = "find-rate"
    about: ClassVar[str] = (
        "A range test: the learning rate to begin with, for the network and for groups of its layers."
    )
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"optim": COUNTS}

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    optim: OptimSpec = field(default_factory=OptimSpec)
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    steps: int = knob(100, 30, 10_000, help="Steps of each test, one batch each.")
    lowest: float = knob(1e-6, 1e-9, 1.0, help="Rate of the first step.", log=True)
    highest: float = knob(10.0, 1e-6, 1000.0, help="Rate of the last step.", log=True)
    groups: int = knob(3, 0, 100, help="Groups of neighbouring layers that are tested alone; 0 = none.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the new weights and of the order of batches.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "optim", OptimSpec(**{name: getattr(self.optim, name) for name in COUNTS}))

    def check(self) -> None:
        """Refuse rates that do not rise, and an adapter that there is not.

        Raises:
            UnknownName: No such adapter or knob.
            BadSpec: The highest rate is less than a hundred times the lowest, or a knob is out of range.
        """
        super().check()
        adapters.make(self.adapter)
        if self.highest < 100 * self.lowest:
            raise BadSpec(
                f"A range test must run over two powers of ten or more. lowest is {self.lowest:g} and highest "
                f"{self.highest:g}; set highest to {100 * self.lowest:g} or more."
            )
