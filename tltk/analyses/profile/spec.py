"""What `tltk profile` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import MEASURES_HELP, DepthSpec, check_measures
from tltk.specs.knobs import knob, list_field

WITHIN = "class_mmd"  # the one measure that needs labels


@dataclass(frozen=True)
class ProfileSpec(DepthSpec):
    """A question: what does each layer know, and where do the domains part? A number per layer and measure."""

    kind: ClassVar[str] = "profile"
    verb: ClassVar[str] = "profile"
    about: ClassVar[str] = "What each layer knows, and where two domains part: a table over depth."

    after: str = knob("", help="Weights of the same backbone to compare with, such as run:ID; empty = none.")
    measures: tuple[str, ...] = list_field(("mmd",), help=MEASURES_HELP)
    probe: str = knob("ridge", choices=("ridge", "logistic"), help="The linear probe, cross-validated.")
    permutations: int = knob(
        199, 19, 100_000, help="Permutations that give the null distribution of each shift measure."
    )

    def check(self) -> None:
        """Refuse names that no measure has.

        Raises:
            UnknownName: No such measure.
        """
        super().check()
        check_measures(self.measures, (WITHIN,))
