"""What `tltk shift` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import MEASURES_HELP, DepthSpec, check_measures
from tltk.errors import BadSpec
from tltk.specs.knobs import knob, list_field
from tltk.specs.parts import DataSpec


@dataclass(frozen=True)
class TwoSampleSpec(DepthSpec):
    """A question: how far are two domains apart at one layer, against chance, and which pictures say so?"""

    kind: ClassVar[str] = "shift"
    verb: ClassVar[str] = "shift"
    about: ClassVar[str] = "How far two domains are apart at a layer, each measure beside what chance gives."

    source: DataSpec | None = field(default_factory=lambda: DataSpec("rendered_digits"))
    layer: int = knob(-1, -1, 10_000, help="The layer to examine; -1 = the features that enter the head.")
    measures: tuple[str, ...] = list_field(
        ("mmd", "coral", "frechet", "energy", "sliced_wasserstein"), help=MEASURES_HELP
    )
    permutations: int = knob(199, 19, 100_000, help="Permutations that give the null distribution of each measure.")

    def check(self) -> None:
        """Refuse names that no measure has, and one domain alone.

        Raises:
            UnknownName: No such measure.
            BadSpec: No source.
        """
        super().check()
        check_measures(self.measures)
        if self.source is None:
            raise BadSpec("A shift needs a source and a target. There is no source; name one.")
