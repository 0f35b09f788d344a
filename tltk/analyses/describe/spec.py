"""What `tltk layers` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.specs.knobs import Spec, knob


@dataclass(frozen=True)
class DescribeSpec(Spec):
    """A question to a worker: which layers does this network have, and how fast is it here?"""

    kind: ClassVar[str] = "describe"
    time_limit_s: ClassVar[float] = 300.0

    backbone: str = knob("resnet10t", help="Name of a timm classification model.")
    size: int = knob(32, 8, 1024, help="Side of the square picture, in pixels.")
    channels: int = knob(3, 1, 64, help="Channels of the pictures.")

    def as_words(self) -> list[str]:
        """`tltk layers BACKBONE …`."""
        return ["layers", self.backbone, "--size", str(self.size), "--channels", str(self.channels)]
