"""What `tltk propose` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import PICTURES_HELP
from tltk.analyses.rank.spec import candidate
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import BUT_SIZE, DataSpec


@dataclass(frozen=True)
class ProposeSpec(Spec):
    """A question to a worker: what plan should these pictures begin with?

    The size at which pictures are read follows from how large their files are and how many there are; which weights and
    which boundary, from `advise` at that size.
    """

    kind: ClassVar[str] = "propose"
    of_texts: ClassVar[bool] = False
    instead: ClassVar[str] = (
        "which technique to try first on them is told by `tltk advise`, and which of several networks by `tltk rank`"
    )
    verb: ClassVar[str] = "propose"
    about: ClassVar[str] = "A plan to begin with on new pictures: size, weights, technique and boundary, each with why."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": (*BUT_SIZE, "fit")}

    target: DataSpec = field(default_factory=DataSpec)
    candidates: tuple[str, ...] = list_field(
        (), help="Networks to choose among by LogME, each BACKBONE@WEIGHTS, separated by commas."
    )
    pictures: int = knob(500, 20, 100_000, help=PICTURES_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures and for all random draws.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, size=DataSpec().size, width=0))

    def check(self) -> None:
        """Refuse a question without weights to choose among.

        Raises:
            BadSpec: There are no candidates, or one begins from scratch.
        """
        super().check()
        if not self.candidates:
            raise BadSpec(
                "A proposal needs weights to choose among. Got none; name some, as in --candidates "
                "resnet10t@store:resnet10t_formulas. `tltk weights list` shows those that are here."
            )
        new = [text for text in self.candidates if candidate(text).weights == "scratch"]
        if new:
            raise BadSpec(
                f"A proposal is on weights to transfer. The candidate {new[0]} has none; write {new[0]}@WEIGHTS."
            )
