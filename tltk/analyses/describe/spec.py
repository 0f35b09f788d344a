"""What `tltk layers` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk import adapters
from tltk.specs.command import as_named
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import AdapterSpec


@dataclass(frozen=True)
class DescribeSpec(Spec):
    """A question to a worker: which layers does this network have, what of them learns, and how fast is it here?"""

    kind: ClassVar[str] = "describe"
    time_limit_s: ClassVar[float] = 300.0
    later: ClassVar[tuple[str, ...]] = ("adapter",)

    backbone: str = knob("resnet10t", help="Name of a timm classification model.")
    size: int = knob(32, 8, 1024, help="Side of the square picture, in pixels.")
    channels: int = knob(3, 1, 64, help="Channels of the pictures.")
    adapter: AdapterSpec = field(default_factory=AdapterSpec)

    def check(self) -> None:
        """Refuse an adapter that there is not.

        Raises:
            UnknownName: No such adapter or knob.
            BadSpec: A knob out of range.
        """
        super().check()
        adapters.make(self.adapter)

    def as_words(self) -> list[str]:
        """`tltk layers BACKBONE …`."""
        words = ["layers", self.backbone, "--size", str(self.size), "--channels", str(self.channels)]
        return words if self.adapter == AdapterSpec() else [*words, "--adapter", as_named(self.adapter)]
