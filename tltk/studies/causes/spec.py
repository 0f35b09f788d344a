"""What a study of causes is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field
from tltk.studies.causes.hypotheses import causes
from tltk.studies.spec import StudySpec


@dataclass(frozen=True)
class CausesSpec(StudySpec):
    """A study: why does transfer hurt, or not help? Causes ranked by what was measured, and what would settle each.

    The weights are trained on the source first, and `net.weights` is ignored. `technique` is held against `yardstick`.
    `counter` names causes whose counter-experiment is made: the study with that cause taken away. Asked for later, it
    goes on over the trainings that are done.
    """

    kind: ClassVar[str] = "causes"
    verb: ClassVar[str] = "causes"
    about: ClassVar[str] = "Why transfer hurts or does not help: causes ranked with evidence, and how to settle each."

    technique: str = knob("fine_tune", help="The technique that is asked about, in one word, as in a race.")
    yardstick: str = knob("scratch", help="The technique that it is held against.")
    labels: str = knob("target", choices=("target", "source", "both"), help="Whose labels are learned from.")
    counter: tuple[str, ...] = list_field(
        (), help="Causes whose counter-experiment is made, separated by commas.", choices=tuple(causes.names())
    )
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )
    pictures: int = knob(400, 20, 100_000, help="Labelled pictures of each domain that evidence is measured on.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "counter", tuple(sorted({str(one).strip() for one in self.counter})))

    def check(self) -> None:
        """Refuse a study without a source, of one technique, or with causes that have no name here.

        Raises:
            BadSpec: There is no source, or both techniques are one.
            UnknownName: No such cause.
        """
        super().check()
        if self.source is None:
            raise BadSpec("Causes are looked for between a source and a target. There is no source; name one.")
        if self.technique.strip() == self.yardstick.strip():
            raise BadSpec(f"The technique must be held against another one. Both are {self.technique}.")
        for name in self.counter:
            causes[name]  # the sentence for an unknown name
