"""What `tltk export` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.errors import BadSpec
from tltk.specs.knobs import Spec, knob
from tltk.specs.nouns import PICTURES, ROWS, TEXTS

ABOUT = {
    "script": "Weights and a program of under 60 lines for timm and torch.",
    "folder": "A folder as timm and the hub keep models, with its model card.",
    "safetensors": "Weights alone, under timm's names.",
    "onnx": "Pictures in, probabilities out, for any runtime; needs tltk[onnx].",
    "torchscript": "Pictures in, probabilities out, for torch alone.",
    "card": "A model card: data, training, test figures with intervals, limits, licences.",
    "zip": "The run itself, for `tltk import` on another machine.",
}
OF_WORDS = {  # what is otherwise where texts or rows are read
    "script": "Weights and a program of under 60 lines for torch, and for transformers where an encoder reads texts.",
    "folder": "A folder as transformers and the hub keep encoders, its model card inside; other networks have none.",
    "safetensors": "Weights alone, classifier included.",
    "onnx": "{tensors} in, probabilities out, for any runtime; needs tltk[onnx].",
    "torchscript": "{tensors} in, probabilities out, for torch alone.",
}
TENSORS = {TEXTS: "Tokens of texts and their mask", ROWS: "Columns of rows, not yet standardised,"}
FORMS = tuple(ABOUT)
IN_FOLDER = ("script", "folder")  # of which a folder is written, not a file


def about(noun: str) -> dict[str, str]:
    """What each form is, of a training of such examples.

    Args:
        noun: pictures, texts or rows.
    """
    if noun == PICTURES:
        return ABOUT
    return {form: OF_WORDS.get(form, line).format(tensors=TENSORS[noun]) for form, line in ABOUT.items()}


@dataclass(frozen=True)
class ExportSpec(Spec):
    """A finished training, to be written for use elsewhere: as files that need no tltk, or as a run that travels."""

    kind: ClassVar[str] = "export"
    time_limit_s: ClassVar[float] = 900.0

    run: str = knob("", help="Id of a finished training.")
    to: str = knob(
        "folder",
        choices=FORMS,
        help=" ".join(f"{form}: {line}" for form, line in ABOUT.items()),
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
