"""What `tltk errors` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.run_question import RunQuestion
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class ErrorsSpec(RunQuestion):
    """A question to a worker: which pictures does a finished training take for another class, and how surely?"""

    kind: ClassVar[str] = "errors"
    verb: ClassVar[str] = "errors"
    about: ClassVar[str] = "The mistakes of a finished training, the most confident ones first, with a contact sheet."
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    most: int = knob(64, 1, 400, help="Mistakes that are listed and shown at most.")
    batch: int = knob(64, 1, 65_536, help="Pictures that go through the network at a time.", log=True)
