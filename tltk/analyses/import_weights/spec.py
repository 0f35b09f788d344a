"""What `tltk weights add` and `tltk weights check` ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.specs.knobs import Spec, knob


@dataclass(frozen=True)
class ImportWeightsSpec(Spec):
    """A question to a worker: of what are these the weights, and are they whole? With a name, they are kept."""

    kind: ClassVar[str] = "adopt"
    of_texts: ClassVar[bool] = False
    instead: ClassVar[str] = (
        "name weights of texts where they lie, as folder:PATH, and those of rows by their run, as run:ID"
    )
    time_limit_s: ClassVar[float] = 300.0
    later: ClassVar[tuple[str, ...]] = ("part",)

    weights: str = knob("", help="file:PATH of a .safetensors or .pth file, or of a folder of the hub.")
    backbone: str = knob("", help="timm's name of the architecture; empty = recognise it from the file.")
    name: str = knob("", help="Name to store it under; empty = only check it.")
    part: str = knob("", help="Which network, if the file holds several; empty = a moving average first.")

    def as_words(self) -> list[str]:
        """`tltk weights add FILE …`, or `check` where it gets no name."""
        chosen = (("name", self.name), ("backbone", self.backbone), ("part", self.part))
        flags = [f"--{flag}={value}" for flag, value in chosen if value]
        return ["weights", "add" if self.name else "check", self.weights.partition(":")[2], *flags]
