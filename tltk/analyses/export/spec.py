"""What `tltk export` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob

FORMS = ("script", "folder", "safetensors", "onnx", "torchscript", "card", "zip")
IN_FOLDER = ("script", "folder")  # of which a folder is written, not a file


@dataclass(frozen=True)
class ExportSpec(Spec):
    """A finished training, to be written for use elsewhere: as files that need no tltk, or as a run that travels."""

    kind: ClassVar[str] = "export"
    time_limit_s: ClassVar[float] = 900.0

    run: str = knob("", help="Id of a finished training.")
    to: str = knob(
        "folder",
        choices=FORMS,
        help="script: weights and a program of timm and torch. folder: as timm and the hub keep models. safetensors: "
        "weights under timm's names. onnx, torchscript: pictures in, probabilities out. card: a model card. zip: the "
        "run itself.",
    )
    file: str = knob("", help="File to write; of script and folder a folder that is new or empty.")

    def check(self) -> None:
        """Refuse what names no run or no file.

        Raises:
            BadSpec: It does.
        """
        super().check()
        if not self.run.strip() or not self.file.strip():
            raise BadSpec(
                f"An export needs a run and where to write it, as in `tltk export RUN --to {self.to} FILE`. "
                f"Got run {self.run!r} and file {self.file!r}."
            )

    def as_words(self) -> list[str]:
        """`tltk export RUN --to FORM FILE`."""
        return ["export", self.run, "--to", self.to, self.file]
