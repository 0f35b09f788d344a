"""What `tltk rank` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import PICTURES_HELP
from tltk.specs.knobs import Spec, knob, several
from tltk.specs.parts import DataSpec


@dataclass(frozen=True)
class RankSpec(Spec):
    """A question: which of these networks will transfer best to the target? Scored before any is trained."""

    kind: ClassVar[str] = "rank"
    verb: ClassVar[str] = "rank"
    about: ClassVar[str] = "Which network will transfer best to the target, scored before any is trained."

    target: DataSpec = field(default_factory=DataSpec)
    candidates: tuple[str, ...] = several(
        (),
        help="Networks, each BACKBONE@WEIGHTS, separated by commas; without @: from scratch. "
        'One that holds a comma stands in "quotes".',
    )
    scores: tuple[str, ...] = several(
        ("logme", "hscore", "nleep", "transrate", "gbc", "knn", "leep", "nce", "probe"),
        help="Scores, separated by commas.",
    )
    pictures: int = knob(1000, 20, 100_000, help=PICTURES_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures and for all random draws.")
