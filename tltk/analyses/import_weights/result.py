"""What a file of weights turned out to be."""

from __future__ import annotations

import msgspec


class ImportWeightsResult(msgspec.Struct, frozen=True):
    """Of which network a file holds the weights, and what it says of itself.

    Attributes:
        name: Its name in the store; "" = it was only looked at.
        weights: As `--weights` takes it.
        backbone: timm's name of the architecture.
        guessed: Whether that was found from the tensors.
        candidates: All architectures with these tensors, the taken one first.
        layout: Whose names the tensors had: timm, torchvision, or tltk = as a run keeps its own.
        part: Which network of the file it is; "" = the whole file.
        parameters: Of the backbone, without the classifier.
        channels: Of the pictures that the first convolution reads.
        classifier: In words.
        classes: Of the classifier; None = there is none.
        class_names: Names of the classes, where the file has them.
        tensors: In the file.
        bytes: Size of the file.
        sha256: Checksum of the file.
        licence: As the file's header, or the card beside it, states it, or unknown.
        data: What it was trained on, as far as they state it.
        notes: What was done to it or left out, in sentences.
    """

    name: str
    weights: str
    backbone: str
    guessed: bool
    candidates: list[str]
    layout: str
    part: str
    parameters: int
    channels: int
    classifier: str
    classes: int | None
    class_names: list[str]
    tensors: int
    bytes: int
    sha256: str
    licence: str
    data: str
    notes: list[str]
