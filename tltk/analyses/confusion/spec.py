"""What `tltk confusion` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.run_question import RunQuestion
from tltk.analyses.trained import run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class ConfusionSpec(RunQuestion):
    """A question to a worker: which classes does a training take for which, and what do these pictures show?

    With another training the pictures are told on which the two differ, with what each answers and how surely.
    """

    kind: ClassVar[str] = "confusion"
    verb: ClassVar[str] = "confusion"
    about: ClassVar[str] = "Which classes a finished training takes for which, with pictures; beside another training."
    files: ClassVar[tuple[str, ...]] = ("png",)

    against: str = knob("", help="Id of another training that is asked about the same pictures; empty = none.")
    each: int = knob(24, 1, 200, help="Pictures of each kind of answer that are shown at most, the surest first.")
    batch: int = knob(64, 1, 65_536, help="Pictures that go through the network at a time.", log=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "against", run_name(self.against))

    def check(self) -> None:
        """Refuse a question without a run, and one against itself.

        Raises:
            BadSpec: It is one.
        """
        super().check()
        if self.run == self.against:
            raise BadSpec("A training is compared with another one. --against names the same run; name another.")
