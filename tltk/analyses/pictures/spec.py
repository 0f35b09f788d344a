"""What `tltk pictures` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, list_field, read_value
from tltk.specs.parts import DataSpec

MOST = 400  # pictures on a sheet


@dataclass(frozen=True)
class PicturesSpec(Spec):
    """A question to a worker: what do these test pictures show?

    Places count from 0, in the order of `predictions` and `labels` of a training's result.
    """

    kind: ClassVar[str] = "pictures"
    verb: ClassVar[str] = "pictures"
    about: ClassVar[str] = "Test pictures of a domain by their places, such as those on which two arms differ."
    time_limit_s: ClassVar[float] = 1800.0

    target: DataSpec = field(default_factory=DataSpec)
    index: tuple[int, ...] = list_field((0,), help="Places among the test pictures, from 0, separated by commas.")

    def __post_init__(self) -> None:
        super().__post_init__()
        index = read_value(tuple[int, ...], self.index, "index")
        if not 1 <= len(index) <= MOST or any(not 0 <= at < 2**31 for at in index):
            raise BadSpec(f"index must hold 1 to {MOST} places of test pictures, from 0. Got {str(self.index)[:80]}.")
        object.__setattr__(self, "index", index)
