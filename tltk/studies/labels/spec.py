"""What a study of labels is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field, read_value
from tltk.specs.parts import BUT_SIZE
from tltk.studies.spec import StudySpec, read_arms


@dataclass(frozen=True)
class LabelsSpec(StudySpec):
    """A study: accuracy against the number of labelled pictures, and how many labels the transferred weights are worth.

    Few-shot sets of one seed are nested, and all are tested on the same pictures. The first arm is the yardstick.
    With `source` the weights are trained on it first, and `net.weights` must be scratch.
    """

    kind: ClassVar[str] = "labels"
    verb: ClassVar[str] = "labels"
    about: ClassVar[str] = "Accuracy against the number of labels: how many labels are the transferred weights worth?"
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "source": BUT_SIZE,
        "target": ("name", "n", "size", "val", "test", "seed", "fit"),
    }

    arms: tuple[str, ...] = list_field(
        ("scratch", "feature_extraction", "fine_tune"),
        help="Techniques, separated by commas; the first is the yardstick.",
    )
    shots: tuple[int, ...] = list_field(
        (5, 10, 20, 50), help="Labelled training pictures per class, separated by commas."
    )
    lrs: tuple[float, ...] = list_field(
        (3e-4, 1e-3, 3e-3), help="Learning rates that every arm is searched over at each number of labels."
    )
    widen: int = knob(1, 0, 10, help="How often the rates are extended where the best one lies at their edge.")
    seeds: int = knob(3, 2, 50, help="Seeds per arm and number of labels.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))
        shots = read_value(tuple[int, ...], self.shots, "shots")
        if len(set(shots)) < 2 or any(not 1 <= n <= 100_000 for n in shots):
            raise BadSpec(f"shots must hold two numbers of labels or more, each 1 to 100,000. Got {self.shots!r}.")
        object.__setattr__(self, "shots", tuple(sorted(set(shots))))
        object.__setattr__(self, "arms", read_arms(self.arms))
