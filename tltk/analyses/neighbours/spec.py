"""What `tltk neighbours` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import PICTURES_HELP, POOLING_HELP
from tltk.analyses.run_question import RunQuestion
from tltk.specs.knobs import knob
from tltk.specs.parts import POOLINGS


@dataclass(frozen=True)
class NeighboursSpec(RunQuestion):
    """A question to a worker: which training pictures lie nearest to this one, at every layer, in both domains?"""

    kind: ClassVar[str] = "neighbours"
    verb: ClassVar[str] = "neighbours"
    about: ClassVar[str] = "The nearest training pictures to one picture, layer by layer, in the target and the source."
    files: ClassVar[tuple[str, ...]] = ("png",)

    index: int = knob(0, 0, 2**31 - 1, help="Position of the picture in the domain, as `tltk confusion` tells it.")
    k: int = knob(8, 1, 32, help="Neighbours in each domain that are named.")
    pictures: int = knob(500, 20, 100_000, help=PICTURES_HELP)
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures.")
