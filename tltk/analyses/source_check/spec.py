"""What `tltk source-check` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import POOLING_HELP
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import POOLINGS, DataSpec, NetSpec


@dataclass(frozen=True)
class SourceCheckSpec(Spec):
    """A question: does what a training learned hold on pictures that it has not seen, of its own domain and of another?

    The weights are those of a training, `run:ID`, which says what the source is.
    """

    kind: ClassVar[str] = "source_check"
    verb: ClassVar[str] = "source-check"
    about: ClassVar[str] = "Whether what a training learned holds on unseen pictures of its own domain and of a target."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"net": ("backbone", "weights")}

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    pictures: int = knob(400, 20, 100_000, help="Labelled pictures of each domain at most; the target's test is left.")
    permutations: int = knob(199, 19, 100_000, help="Permutations that give the null distribution at each layer.")
    level: float = knob(0.95, 0.5, 0.9999, help="Confidence of the interval of the probe's gain.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures and for all random draws.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "net", dataclasses.replace(NetSpec(self.net.backbone), weights=self.net.weights))

    def check(self) -> None:
        """Refuse weights of which nobody knows what they were trained on.

        Raises:
            BadSpec: They are none of a run.
        """
        super().check()
        if not self.net.weights.startswith("run:"):
            raise BadSpec(
                f"The weights must be those of a training here, run:ID, so that its pictures are known. "
                f"Got {self.net.weights!r}."
            )
