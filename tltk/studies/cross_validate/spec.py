"""What a cross-validation is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tltk.specs.knobs import knob, list_field
from tltk.specs.parts import BUT_FOLDS, BUT_SIZE
from tltk.studies.spec import ArmsSpec, read_arms


@dataclass(frozen=True)
class CrossValidateSpec(ArmsSpec):
    """A study: one technique, or two against each other, on every fold of the target, perhaps several times over.

    Folds are stratified by class; pictures of one group, such as those of one patient, stay in one fold. With `source`
    the weights are trained on it first, without what tests and validates the target, and `net.weights` must be scratch.
    """

    kind: ClassVar[str] = "cross_validate"
    verb: ClassVar[str] = "cross-validate"
    about: ClassVar[str] = (
        "One technique or two on every fold of a small set, by group where there is one, with the interval that "
        "shared training pictures call for."
    )
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"source": BUT_SIZE, "target": BUT_FOLDS}

    arms: tuple[str, ...] = list_field(
        ("fine_tune",),
        help="One technique or two, separated by commas: a strategy, an adapter and terms joined by +, as in "
        '"lora:rank=4+l2_sp@3"; also scratch.',
    )
    folds: int = knob(5, 2, 50, help="Parts that the pictures are divided into; each is the test once.")
    repeats: int = knob(1, 1, 100, help="How often the pictures are divided anew.")
    nested: bool = knob(
        True,
        help="Whether every fold searches its own rate; otherwise the first fold's is used, whose validation pictures "
        "test in other folds.",
    )
    first_seed: int = knob(0, 0, 2**31 - 1, help="The seed of the first repeat's trainings; the others follow.")
    delta: float = knob(
        0.01, 0.0, 0.5, help="Gaps within ± this share count as no difference, once the whole interval lies within."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "arms", read_arms(self.arms, 1, 2))
        object.__setattr__(self, "target", self.target.unfolded)
