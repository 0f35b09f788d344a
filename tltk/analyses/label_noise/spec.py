"""What `tltk label-noise` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import POOLING_HELP
from tltk.analyses.run_question import PARTS
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SHOTS_AND_FOLDS, POOLINGS, DataSpec, NetSpec


@dataclass(frozen=True)
class LabelNoiseSpec(Spec):
    """A question to a worker: which labels of a domain are likely wrong?

    Of `net`, backbone and weights alone matter, and of `target` not the shots.
    """

    kind: ClassVar[str] = "label_noise"
    verb: ClassVar[str] = "label-noise"
    about: ClassVar[str] = "Labels of a domain that are likely wrong (confident learning), as a list to fix."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": BUT_SHOTS_AND_FOLDS, "net": ("backbone", "weights")}
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    part: str = knob("all", choices=PARTS, help="Whose labels are looked at.")
    layer: str = knob("", help="Layer by name or number whose features are used; empty = what enters the head.")
    folds: int = knob(5, 2, 50, help="Parts; each picture is judged by a fit on the others.")
    pictures: int = knob(20_000, 20, 1_000_000, help="Pictures that are judged at most, by turns from each class.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Of the folds and of which pictures are judged.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target.unfolded, shots=0))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))
