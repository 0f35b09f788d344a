"""What a race is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.specs.knobs import knob, list_field
from tltk.studies.spec import StudySpec, read_arms


@dataclass(frozen=True)
class RaceSpec(StudySpec):
    """A study: techniques side by side at a matched budget, ranked as far as they can be told apart.

    With `source`, and the target's labels learned from, the weights are trained on the source first, and `net.weights`
    must be scratch. With `labels` "source" every technique begins with `net.weights` and learns from the source's
    labels.
    """

    kind: ClassVar[str] = "race"
    verb: ClassVar[str] = "race"
    about: ClassVar[str] = "Several techniques under one budget, ranked as far as they can be told apart."

    arms: tuple[str, ...] = list_field(
        ("scratch", "feature_extraction", "fine_tune"),
        help="Techniques, separated by commas: a strategy, an adapter and terms joined by +, as in "
        '"lora:rank=4+l2_sp@3"; also scratch, source_only and target_only.',
    )
    labels: str = knob("target", choices=("target", "source", "both"), help="Whose labels are learned from.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )
    forgetting: bool = knob(False, help="Whether accuracy on the source is measured after each epoch too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "arms", read_arms(self.arms))
