"""What a soup is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.several_runs import SeveralRuns
from tltk.specs.knobs import knob, list_field


@dataclass(frozen=True)
class SoupSpec(SeveralRuns):
    """A question: are averaged weights of several trainings better than the best? With a name, they are kept."""

    kind: ClassVar[str] = "soup"
    verb: ClassVar[str] = "soup"
    about: ClassVar[str] = "Average the weights of several trainings (uniform and greedy soup), beside their ensemble."
    needs: ClassVar[str] = "A soup needs two finished trainings"

    runs: tuple[str, ...] = list_field((), help="Finished trainings of one network on one target, separated by commas.")
    name: str = knob("", help="Name to store the greedy soup under; empty = only measure it.")
