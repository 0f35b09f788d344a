"""What `tltk predict` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.trained import PREFIX, run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field

EVERY = "all"


@dataclass(frozen=True)
class PredictSpec(Spec):
    """A question to a worker: which class does a finished training see in each of these pictures, and how surely?

    They are prepared exactly as the training's own: upright, its fit, its size, its normalisation.
    """

    kind: ClassVar[str] = "predict"
    time_limit_s: ClassVar[float] = 24 * 3600.0

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    paths: tuple[str, ...] = list_field((), help="Pictures, folders, archives and domains.")
    part: str = knob(
        EVERY,
        choices=(EVERY, "train", "val", "test"),
        help="Of a domain that is divided: which part; of the training's own target the parts are its own.",
    )
    embedding: bool = knob(False, help="Keep what enters the head, too: a vector of each picture.")
    batch: int = knob(64, 1, 65_536, help="Pictures that go through the network at a time.", log=True)

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
            raise BadSpec("A prediction needs a finished training: its id comes first. `tltk runs` lists them.")
        if not self.paths or not all(text.strip() for text in self.paths):
            raise BadSpec("A prediction needs pictures: name files, folders, archives or domains after the run.")

    def as_words(self) -> list[str]:
        """`tltk predict RUN PATH… …`."""
        words = ["predict", self.run.removeprefix(PREFIX), *self.paths]
        words += [] if self.part == EVERY else ["--part", self.part]
        words += ["--embedding"] if self.embedding else []
        return words if self.batch == 64 else [*words, "--batch", str(self.batch)]
