"""What `tltk look` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.data.fit import CROP
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec

DIVIDED = ("shots", "val", "test", "seed", "folds", "fold", "repeat")  # how pictures are divided into parts


@dataclass(frozen=True)
class InspectSpec(Spec):
    """A question to a worker: what is in this domain?"""

    kind: ClassVar[str] = "look"
    time_limit_s: ClassVar[float] = 1800.0

    data: DataSpec = field(default_factory=DataSpec)

    def as_words(self) -> list[str]:
        """`tltk look DOMAIN …`."""
        words = [
            "look",
            self.data.name,
            "--size",
            str(self.data.size),
            *(["--width", str(self.data.width)] if self.data.width else []),
            "--n",
            str(self.data.n),
        ]
        words += [] if self.data.fit == CROP else ["--fit", self.data.fit]
        words += ["--group-by", self.data.group_by] if self.data.group_by else []
        usual = DataSpec()
        for name in DIVIDED:
            value = getattr(self.data, name)
            words += [f"--{name}", repr(value)] if value != getattr(usual, name) else []
        return words
