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
MAX_CHARS = 20_000  # of a text that is given as it is


@dataclass(frozen=True)
class NearestSpec(Spec):
    """A question to a worker: which training pictures, texts or rows are most like these?"""

    kind: ClassVar[str] = "nearest"
    verb: ClassVar[str] = "nearest"
    about: ClassVar[str] = (
        "The training pictures, texts or rows that a finished training finds most like given ones, with a sheet."
    )
    time_limit_s: ClassVar[float] = 24 * 3600.0
    words: ClassVar[tuple[str, ...]] = ("run", "paths")
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    paths: tuple[str, ...] = list_field((), help="Pictures, folders, archives, texts, tables and domains.")
    text: str = knob("", help="One text to ask about, as it is, for a training of texts.")
    k: int = knob(7, 1, 100, help="Training examples that are named for each.")
    layer: str = knob("", help="Layer by name or number; empty = what enters the head.")
    distance: str = knob("cosine", choices=DISTANCES, help="How far apart the features of two are.")
    pooling: str = knob("avg", choices=POOLINGS, help=POOLING_HELP)
    part: str = knob("all", choices=("all", "train", "val", "test"), help="Of a domain among the paths: which part.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "run", run_name(self.run))
        object.__setattr__(self, "paths", tuple(self.paths))

    def check(self) -> None:
        """Refuse a question without a run or without anything to compare.

        Raises:
            BadSpec: It is one, or the text is too long or has null characters.
        """
        super().check()
        if not self.run:
            raise BadSpec("`tltk nearest` needs a finished training: its id comes first. `tltk runs` lists them.")
        if not all(one.strip() for one in self.paths) or not (self.paths or self.text.strip()):
            raise BadSpec(
                "`tltk nearest` needs pictures, texts or rows: name files, folders, archives or domains after the run, "
                "or give one text with --text."
            )
        if len(self.text) > MAX_CHARS or "\0" in self.text:
            raise BadSpec(
                f"A text to ask about must have at most {MAX_CHARS:,} characters, none of them null. This one has "
                f"{len(self.text):,}; put it into a file and name that."
            )
