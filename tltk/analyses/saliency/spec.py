"""What `tltk saliency` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.run_question import RunQuestion
from tltk.errors import BadSpec
from tltk.specs.knobs import knob
from tltk.specs.nouns import PICTURES, TEXTS, noun_of

METHODS = ("auto", "grad_cam", "attention_rollout", "integrated_gradients")
GRADIENTS = "integrated_gradients"
PREDICTED, TRUE = "predicted", "true"


@dataclass(frozen=True)
class SaliencySpec(RunQuestion):
    """A question to a worker: where in pictures, words or columns does a training look, and did it learn that?"""

    kind: ClassVar[str] = "saliency"
    verb: ClassVar[str] = "saliency"
    about: ClassVar[str] = (
        "Where in pictures a finished training looks, or which words or columns it goes by, with a sanity check."
    )
    files: ClassVar[tuple[str, ...]] = ("png", "csv")

    method: str = knob(
        "auto",
        choices=METHODS,
        help="How; auto = attention rollout for transformers of pictures or texts, Grad-CAM for networks with maps, "
        "integrated gradients for word vectors and for tables.",
    )
    layer: str = knob("", help="Layer by name or number; empty = the last that has a map, or all layers' attention.")
    of: str = knob(PREDICTED, help="The class that gradients explain: predicted, true, or the name of one.")
    pictures: int = knob(12, 1, 100, help="Pictures, texts or rows that are shown, by turns from each class.")
    draws: int = knob(3, 0, 20, help="Random networks that the maps are compared with; 0 = no sanity check.")
    seed: int = knob(0, 0, 2**31 - 1, help="Of the choice of examples and of the random networks.")


def method_of(spec: SaliencySpec, backbone: str) -> str:
    """How a network is explained; "" = its layers tell, which of pictures a worker sees.

    Args:
        spec: The method that is asked for.
        backbone: Name of the network.

    Raises:
        BadSpec: The method is not for what this network reads.
    """
    noun, asked = noun_of(backbone), spec.method
    if noun == PICTURES:
        if asked == GRADIENTS:
            raise BadSpec(
                f"Integrated gradients are for word vectors and tables here. {backbone} sees pictures; take grad_cam "
                f"or attention_rollout."
            )
        return "" if asked == "auto" else asked
    own = "attention_rollout" if noun == TEXTS and not backbone.startswith("vectors:") else GRADIENTS
    if asked not in ("auto", own):
        why = "has attention" if own != GRADIENTS else "has neither maps nor attention"
        raise BadSpec(f"The method must suit the network. {backbone} reads {noun} and {why}; take {own}.")
    if own == GRADIENTS and spec.layer.strip():
        raise BadSpec("Integrated gradients are of what is read, whatever the layer. Leave --layer out.")
    return own
