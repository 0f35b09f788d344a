"""What a soup is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field


@dataclass(frozen=True)
class SoupSpec(Spec):
    """A question: are averaged weights of several trainings better than the best? With a name, they are kept."""

    kind: ClassVar[str] = "soup"
    of_texts: ClassVar[bool] = False
    verb: ClassVar[str] = "soup"
    about: ClassVar[str] = "Average the weights of several trainings (uniform and greedy soup), beside their ensemble."

    runs: tuple[str, ...] = list_field((), help="Finished trainings of one network on one target, separated by commas.")
    name: str = knob("", help="Name to store the greedy soup under; empty = only measure it.")

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
            raise BadSpec(f"A soup needs two finished trainings or more, each named once with --runs. Got {shown}.")
