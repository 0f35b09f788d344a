"""What a training says of pictures."""

from __future__ import annotations

import msgspec

from tltk.specs.size import Size


class SkippedFile(msgspec.Struct, frozen=True):
    """A file that was not read.

    Attributes:
        name: Its path, or where it lies in its folder or archive.
        reason: Why, in a few words.
    """

    name: str
    reason: str


class PredictResult(msgspec.Struct, frozen=True):
    """What a training says of pictures; probabilities and embeddings lie in `file`, a row for each name.

    Attributes:
        run: The training.
        backbone: Its network.
        classes: Names, by class number.
        names: Of the pictures: a path, or a domain with the place in it.
        predicted: The most probable class number of each.
        probability: Its probability, 0 … 1.
        labels: Name of the class that each has, where a domain tells; "" = not told. Empty = none is told.
        skipped: The files that were not read.
        part: Of domains: all, train, val or test.
        size: Side of the pictures as the network reads them, in pixels.
        width: Numbers of an embedding; 0 = none is kept.
        file: Safetensors file in the run's folder: probabilities, logits (n, classes), embeddings (n, width),
            thumbnails of the first 200 (m, 3, h, w), the longer side 48.
        cropped: Share of a picture file that its middle, which is read, leaves out, on average.
        seconds: Of it all: reading, decoding, the network.
        network_seconds: Of these, in the network.
        device: Where it was computed.
        precision: float32 or bfloat16.
        remarks: What is to be known of how they were read.
        fit: How pictures of another shape get theirs, as in the training: crop, pad or squash.
        empty: Share of what is read that a padded picture file leaves empty, on average.
        stretched: By which factor one side of a squashed picture file grew more than the other, on average.
    """

    run: str
    backbone: str
    classes: list[str]
    names: list[str]
    predicted: list[int]
    probability: list[float]
    labels: list[str]
    skipped: list[SkippedFile]
    part: str
    size: Size
    width: int
    file: str
    cropped: float
    seconds: float
    network_seconds: float
    device: str
    precision: str
    remarks: list[str]
    fit: str = "crop"
    empty: float = 0.0
    stretched: float = 1.0
