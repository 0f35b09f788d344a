"""What an ensemble is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.several_runs import SeveralRuns
from tltk.specs.knobs import knob, list_field
from tltk.specs.parts import DataSpec


@dataclass(frozen=True)
class EnsembleSpec(SeveralRuns):
    """A question: do predictions of several trainings, averaged by how well each suits the target, beat a plain mean?

    The trainings may be of any networks and on any sources that have the target's classes by name.
    """

    kind: ClassVar[str] = "ensemble"
    verb: ClassVar[str] = "ensemble"
    about: ClassVar[str] = "Predictions of several trainings (several sources), averaged by how well each suits."
    needs: ClassVar[str] = "An ensemble needs two finished trainings"

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
