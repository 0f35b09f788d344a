"""What the specs of the questions about a finished training and its pictures share. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.trained import run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob

PARTS = ("test", "val", "train", "all")


@dataclass(frozen=True)
class RunQuestion(Spec):
    """A question about a finished training and the pictures of a domain, whose classes are matched by name."""

    time_limit_s: ClassVar[float] = 24 * 3600.0
    words: ClassVar[tuple[str, ...]] = ("run",)

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    on: str = knob("", help="Domain whose pictures are meant; empty = the training's own target.")
    part: str = knob(
        "test",
        choices=PARTS,
        help="Which part of the domain; of the training's own target the parts are its own.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "run", run_name(self.run))

    def check(self) -> None:
        """Refuse a question without a run.

        Raises:
            BadSpec: None is named.
        """
        super().check()
        if not self.run:
            raise BadSpec(f"`tltk {self.verb}` needs a finished training: its id comes first. `tltk runs` lists them.")
