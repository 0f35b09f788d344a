"""What `tltk zero-shot-text` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.parts import BUT_SHOTS, DataSpec


@dataclass(frozen=True)
class ZeroShotTextSpec(Spec):
    """A question: how well does a model of picture and text name classes, from the names alone?"""

    kind: ClassVar[str] = "zero_shot_text"
    of_texts: ClassVar[bool] = False
    instead: ClassVar[str] = "its weights tell pictures by the names of classes. Train on labels with `tltk run`"
    verb: ClassVar[str] = "zero-shot-text"
    about: ClassVar[str] = "Classes named by a sentence each, by a CLIP-like model in a local folder; needs tltk[clip]."
    kept: ClassVar[Mapping[str, tuple[str, ...]]] = {"target": BUT_SHOTS}

    target: DataSpec = field(default_factory=DataSpec)
    checkpoint: str = knob("", help="Folder of open_clip's layout: open_clip_config.json beside safetensors.")
    template: str = knob("a photo of a {}.", help="The sentence of a class; {} stands for its name.")
    part: str = knob("test", choices=("test", "all"), help="Pictures that are named: those of the test part, or all.")
    pictures: int = knob(1000, 1, 1_000_000, help="So many of them at most, drawn by the seed.")
    seed: int = knob(0, 0, 2**31 - 1, help="Seed of the draw and of the split.")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "target", dataclasses.replace(self.target, shots=0))

    def check(self) -> None:
        """Refuse a template without a place for the name.

        Raises:
            BadSpec: It has none.
        """
        super().check()
        if "{}" not in self.template:
            raise BadSpec(
                f"A template must hold {{}}, which stands for the class's name. Got {self.template!r}; write as in "
                f"'a photo of a {{}}.'."
            )
