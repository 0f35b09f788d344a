"""What `tltk explain` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.saliency.spec import METHODS
from tltk.analyses.trained import run_name
from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob


@dataclass(frozen=True)
class ExplainSpec(Spec):
    """A question to a worker: what does a training see in this picture, where does it look, what is like it?"""

    kind: ClassVar[str] = "explain"
    of_texts: ClassVar[bool] = False
    instead: ClassVar[str] = (
        "what words and columns weigh is told by `tltk saliency`, and what is near by `tltk nearest`"
    )
    verb: ClassVar[str] = "explain"
    about: ClassVar[str] = "One picture: the probability of each class, where the training looks, nearest pictures."
    words: ClassVar[tuple[str, ...]] = ("run", "picture")
    files: ClassVar[tuple[str, ...]] = ("png",)

    run: str = knob("", help="Id of a finished training; ID@EPOCH = a snapshot of it.")
    picture: str = knob("", help="The picture file.")
    method: str = knob(
        "auto",
        choices=METHODS,
        help="How it is told where it looks; auto = attention rollout for plain vision transformers, else Grad-CAM.",
    )
    k: int = knob(7, 1, 100, help="Training pictures that are named.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "run", run_name(self.run))

    def check(self) -> None:
        """Refuse a question without a run or without a picture.

        Raises:
            BadSpec: It is one.
        """
        super().check()
        if not self.run:
            raise BadSpec("`tltk explain` needs a finished training: its id comes first. `tltk runs` lists them.")
        if not self.picture.strip():
            raise BadSpec("`tltk explain` needs a picture: name its file after the run.")
