"""What an ensemble is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import DataSpec


@dataclass(frozen=True)
class EnsembleSpec(Spec):
    """A question: do predictions of several trainings, averaged by how well each suits the target, beat a plain mean?

    The trainings may be of any networks and on any sources that have the target's classes by name.
    """

    kind: ClassVar[str] = "ensemble"
    verb: ClassVar[str] = "ensemble"
    about: ClassVar[str] = "Predictions of several trainings (several sources), averaged by how well each suits."

    target: DataSpec = field(default_factory=DataSpec)
    runs: tuple[str, ...] = list_field((), help="Finished trainings whose classes hold the target's, by commas.")
    temperature: float = knob(
        1.0,
        1e-6,
        1e3,
        help="τ of the softmax that makes weights of scores per picture: large = alike, small = the best alone.",
        log=True,
    )
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the target's division, where few labels are drawn.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "runs", tuple(str(one).strip() for one in self.runs))

    def check(self) -> None:
        """Refuse fewer than two runs, or one that is named twice.

        Raises:
            BadSpec: It is so.
        """
        super().check()
        if len(self.runs) < 2 or len(set(self.runs)) < len(self.runs):
            shown = ", ".join(self.runs) or "none"
            raise BadSpec(
                f"An ensemble needs two finished trainings or more, each named once with --runs. Got {shown}."
            )
