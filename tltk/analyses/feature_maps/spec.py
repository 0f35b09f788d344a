"""What `tltk feature-maps` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.run_question import PARTS
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SHOTS, DataSpec, NetSpec


@dataclass(frozen=True)
class FeatureMapsSpec(Spec):
    """A question to a worker: what does each layer make of this picture?

    Of `net`, backbone and weights alone matter, and of `target` not the shots.
    """

    kind: ClassVar[str] = "feature_maps"
    verb: ClassVar[str] = "feature-maps"
    about: ClassVar[str] = "What each layer makes of one picture: the maps of its channels that answer most."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": BUT_SHOTS, "net": ("backbone", "weights")}
    time_limit_s: ClassVar[float] = 1800.0

    target: DataSpec = field(default_factory=DataSpec)
    net: NetSpec = field(default_factory=NetSpec)
    picture: int = knob(0, 0, 2**31 - 1, help="Place of the picture in its part, from 0.")
    part: str = knob("test", choices=PARTS, help="Which part of the domain the picture is in; all = the whole domain.")
    maps: int = knob(2, 1, 16, help="Maps of each layer: those of the largest mean absolute activation.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))
        object.__setattr__(self, "net", NetSpec(backbone=self.net.backbone, weights=self.net.weights))
