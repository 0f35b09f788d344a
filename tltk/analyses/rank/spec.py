"""What `tltk rank` asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tltk.analyses.depth import PICTURES_HELP
from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import Spec, knob, list_field
from tltk.specs.parts import DataSpec, NetSpec
from tltk.transferability import scores

PROBE = "probe"  # cross-validated accuracy of a linear classifier


@dataclass(frozen=True)
class RankSpec(Spec):
    """A question: which of these networks will transfer best to the target? Scored before any is trained."""

    kind: ClassVar[str] = "rank"
    verb: ClassVar[str] = "rank"
    about: ClassVar[str] = "Which network will transfer best to the target, scored before any is trained."

    target: DataSpec = field(default_factory=DataSpec)
    candidates: tuple[str, ...] = list_field(
        (),
        help="Networks, each BACKBONE@WEIGHTS, separated by commas; without @: from scratch. "
        'One that holds a comma stands in "quotes".',
    )
    scores: tuple[str, ...] = list_field(
        ("logme", "hscore", "nleep", "transrate", "gbc", "knn", "leep", "nce", "probe"),
        help="Scores, separated by commas.",
    )
    pictures: int = knob(1000, 20, 100_000, help=PICTURES_HELP)
    seed: int = knob(0, 0, 2**31 - 1, help="Seed for choosing the pictures and for all random draws.")

    def check(self) -> None:
        """Refuse names that no score has, and what is no candidate; what one lacks is said beside it when it is scored.

        Raises:
            UnknownName: No such score.
            BadSpec: No candidates, or one without a backbone.
        """
        super().check()
        known = [*scores.names(), PROBE]
        for name in self.scores:
            if name not in known:
                raise UnknownName.among("score", name, known)
        if not self.candidates:
            raise BadSpec("A ranking needs candidates, each BACKBONE@WEIGHTS. Got none.")
        for text in self.candidates:
            candidate(text)


def candidate(text: str) -> NetSpec:
    """`resnet18@hub:a1_in1k` → that network with these weights; without @, from scratch.

    Raises:
        BadSpec: No name before the @.
    """
    backbone, _, weights = text.partition("@")
    if not backbone.strip():
        raise BadSpec(f"A candidate must be BACKBONE@WEIGHTS, as in resnet18@run:3f9ac1. Got {text!r}.")
    return NetSpec(backbone=backbone.strip(), weights=weights.strip() or "scratch")
