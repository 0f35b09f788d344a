"""What a stability–plasticity plane is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field
from tltk.studies.race.spec import RaceSpec

_VALUES = re.compile(r"=([^,+@|]*\|[^,+@]*)")


@dataclass(frozen=True)
class PlaneSpec(RaceSpec):
    """A study: techniques by accuracy on the target and by accuracy that is kept on the source.

    The weights are trained on the source first. A knob with several values, as in `l2_sp:weight=0.01|0.1|1`, is a
    path: one technique for each value.
    """

    kind: ClassVar[str] = "plane"
    verb: ClassVar[str] = "plane"
    about: ClassVar[str] = "Stability and plasticity: what is learned of the target against what is kept of the source."

    arms: tuple[str, ...] = list_field(
        ("feature_extraction", "bias", "lp_ft", "fine_tune", "l2_sp:weight=0.01|0.1|1"),
        help="Techniques, separated by commas; a knob with several values, as in l2_sp:weight=0.01|0.1|1, is a path.",
    )
    forgetting: bool = knob(True, help="Always on: accuracy on the source is measured after each epoch.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "arms", tuple(one for word in self.arms for one in expand(word)))

    def check(self) -> None:
        """Refuse a plane without a source to forget.

        Raises:
            BadSpec: No source is named, it is not measured, or its labels are learned from.
        """
        super().check()
        if self.source is None or not self.forgetting or self.labels != "target":
            raise BadSpec(
                "A plane needs a source whose accuracy is measured while the target's labels are learned: name one "
                "with --source, and leave labels at target and forgetting on."
            )
        if "scratch" in self.arms:
            raise BadSpec("New weights know nothing of the source, so scratch has no place in a plane; leave it out.")


def expand(word: str) -> list[str]:
    """One technique for each value: `l2_sp:weight=0.1|1` → `l2_sp:weight=0.1`, `l2_sp:weight=1`.

    Raises:
        BadSpec: Two knobs with several values.
    """
    found = _VALUES.findall(word)
    if len(found) > 1:
        raise BadSpec(f"A path has one knob with several values. Got {word!r}.")
    return [word.replace(f"={found[0]}", f"={value.strip()}", 1) for value in found[0].split("|")] if found else [word]
