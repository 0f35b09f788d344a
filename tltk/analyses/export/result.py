"""What was written."""

from __future__ import annotations

import msgspec


class ExportResult(msgspec.Struct, frozen=True):
    """Files that were written, and how far they answer otherwise than the network that they are of.

    Attributes:
        run: The training.
        to: What was written: script, folder, safetensors, onnx, torchscript, card or zip.
        file: The file or folder.
        files: Names of the files in it; of a file its own.
        bytes: Their size together.
        answers: What the network gives: probabilities of the classes, features where it learned without labels; of a
            card or a zip empty.
        difference: Largest difference of an answer from tltk's own; null = it was not run, as `notes` say.
        compared: How many examples that is measured on.
        notes: What one should know, in sentences.
        noun: What the examples are: pictures, texts or rows.
    """

    run: str
    to: str
    file: str
    files: list[str]
    bytes: int
    answers: str
    difference: float | None
    compared: int
    notes: list[str]
    noun: str = "pictures"
