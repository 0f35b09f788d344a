"""What `tltk saliency` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.run_question import RunQuestion
from tltk.specs.knobs import knob

METHODS = ("auto", "grad_cam", "attention_rollout")
PREDICTED, TRUE = "predicted", "true"


@dataclass(frozen=True)
class SaliencySpec(RunQuestion):
    """A question to a worker: where in pictures does a training look, and does that depend on what it learned?"""

    kind: ClassVar[str] = "saliency"
    of_texts: ClassVar[bool] = False
    verb: ClassVar[str] = "saliency"
    about: ClassVar[str] = (
        "Where in pictures a finished training looks: Grad-CAM or attention rollout, with a sanity check."
    )
    files: ClassVar[tuple[str, ...]] = ("png",)

    method: str = knob(
        "auto",
        choices=METHODS,
        help="How; auto = attention rollout for plain vision transformers, Grad-CAM for networks with maps.",
    )
    layer: str = knob("", help="Layer by name or number; empty = the last that has a map, or all layers' attention.")
    of: str = knob(PREDICTED, help="The class that Grad-CAM explains: predicted, true, or the name of one.")
    pictures: int = knob(12, 1, 100, help="Pictures that are shown, by turns from each class.")
    draws: int = knob(3, 0, 20, help="Random networks that the maps are compared with; 0 = no sanity check.")
    seed: int = knob(0, 0, 2**31 - 1, help="Of the choice of pictures and of the random networks.")
