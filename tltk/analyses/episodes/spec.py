"""What `tltk episodes` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import POOLING_HELP
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SHOTS, POOLINGS, DataSpec, NetSpec


@dataclass(frozen=True)
class EpisodesSpec(Spec):
    """A question: N-way K-shot accuracy by the nearest prototype or template, over many drawn episodes."""

    kind: ClassVar[str] = "episodes"
    verb: ClassVar[str] = "episodes"
    about: ClassVar[str] = "N-way K-shot accuracy of frozen features by nearest prototypes or templates, over episodes."
    later: ClassVar[tuple[str, ...]] = ("nearest",)
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": BUT_SHOTS, "net": ("backbone", "weights")}

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    ways: int = knob(5, 2, 10_000, help="N, the classes of an episode.")
    shots: int = knob(
        1, 1, 10_000, help="K, the pictures of a class that its prototype is the mean of; 1 = a template."
    )
    queries: int = knob(15, 1, 10_000, help="Pictures of each class of an episode that are named.")
    episodes: int = knob(600, 2, 1_000_000, help="How many episodes are drawn.", log=True)
    part: str = knob(
        "test", choices=("test", "all"), help="Pictures that episodes are drawn from: those of the test part, or all."
    )
    distance: str = knob(
        "euclidean",
        choices=("euclidean", "cosine"),
        help="Of a picture and what it is held against; Euclidean ones are squared.",
    )
    nearest: str = knob(
        "prototype",
        choices=("prototype", "template"),
        help="What decides: the nearest mean of a class, or the nearest single picture.",
    )
    layer: str = knob("", help="The layer whose features are used, by name or number; empty = what enters the head.")
    removed: int = knob(0, 0, 10_000, help="So many of the last layers are removed; 0 = none.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of all draws.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))

    def check(self) -> None:
        """Refuse a layer that is asked for in two ways.

        Raises:
            BadSpec: It is.
        """
        super().check()
        if self.layer.strip() and self.removed:
            raise BadSpec(
                f"A layer must be asked for in one way. Got both --layer {self.layer} and --removed {self.removed}."
            )
