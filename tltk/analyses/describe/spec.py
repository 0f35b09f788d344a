"""What `tltk layers` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk import adapters
from tltk.specs.command import as_named
from tltk.specs.knobs import Spec, knob, knobs
from tltk.specs.parts import AdapterSpec, DataSpec
from tltk.specs.size import LEAST_PX, MOST_PX, Size, simplest


@dataclass(frozen=True)
class DescribeSpec(Spec):
    """A question to a worker: which layers does this network have, what of them learns, and how fast is it here?"""

    kind: ClassVar[str] = "describe"
    time_limit_s: ClassVar[float] = 300.0
    later: ClassVar[tuple[str, ...]] = ("adapter", "width")

    backbone: str = knob("resnet10t", help="Name of a timm classification model.")
    size: int = knob(32, LEAST_PX, MOST_PX, help=knobs(DataSpec)["size"].help)
    channels: int = knob(3, 1, 64, help="Channels of the pictures.")
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    width: int = knob(0, 0, MOST_PX, help=knobs(DataSpec)["width"].help)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "width", DataSpec(size=self.size, width=self.width).width)

    @property
    def picture_size(self) -> Size:
        """The side of a square picture, height and width of another."""
        return simplest((self.size, self.width or self.size))

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
        words = [
            "layers",
            self.backbone,
            "--size",
            str(self.size),
            *(["--width", str(self.width)] if self.width else []),
            "--channels",
            str(self.channels),
        ]
        return words if self.adapter == AdapterSpec() else [*words, "--adapter", as_named(self.adapter)]
