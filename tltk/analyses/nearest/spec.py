"""What `tltk nearest` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import POOLING_HELP
from tltk.analyses.trained import run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import POOLINGS

DISTANCES = ("cosine", "euclidean")


@dataclass(frozen=True)
class NearestSpec(Spec):
    """A question to a worker: of the pictures that a training learned from, which are most like these?"""

    kind: ClassVar[str] = "nearest"
    of_texts: ClassVar[bool] = False
    verb: ClassVar[str] = "nearest"
    about: ClassVar[str] = "The training pictures that a finished training finds most like given ones, with a sheet."
    time_limit_s: ClassVar[float] = 24 * 3600.0
    words: ClassVar[tuple[str, ...]] = ("run", "paths")
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    paths: tuple[str, ...] = list_field((), help="Pictures, folders, archives and domains.")
    k: int = knob(7, 1, 100, help="Training pictures that are named for each.")
    layer: str = knob("", help="Layer by name or number; empty = what enters the head.")
    distance: str = knob("cosine", choices=DISTANCES, help="How far apart two pictures' features are.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    part: str = knob("all", choices=("all", "train", "val", "test"), help="Of a domain among the paths: which part.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "run", run_name(self.run))
        object.__setattr__(self, "paths", tuple(self.paths))

    def check(self) -> None:
        """Refuse a question without a run or without pictures.

        Raises:
            BadSpec: It is one.
        """
        super().check()
        if not self.run:
            raise BadSpec("`tltk nearest` needs a finished training: its id comes first. `tltk runs` lists them.")
        if not self.paths or not all(text.strip() for text in self.paths):
            raise BadSpec("`tltk nearest` needs pictures: name files, folders, archives or domains after the run.")
