"""What is in a domain."""

from __future__ import annotations

import msgspec

from tltk.results.account import Branch, Groups, Part
from tltk.specs.size import Size


class InspectResult(msgspec.Struct, frozen=True):
    """What is in a domain; fields with a default came later than the first results.

    Attributes:
        classes: Names, by class number.
        counts: Pictures of each class.
        n: Pictures in all.
        channels: Of the pictures.
        mean: Of the pixels of each channel, 0 … 1; empty in results of earlier versions.
        std: Standard deviation of the same.
        train: Pictures to train on, as few as the spec asks for.
        val: Pictures to validate on.
        test: Pictures to test on.
        skipped: Files that were left out, each with the reason.
        licence: Of the pictures.
        source: Where they are from.
        parts: train, val and test: how many, and from where; empty in results of earlier versions.
        tree: The folders as they were understood.
        notes: Doubts about the folders, in sentences.
        shown: Pictures on the contact sheet.
        shown_labels: Class number of each of them; None in results of earlier versions.
        copies: Pictures that are a copy of an earlier one, near copies among them.
        near_copies: Of these, those that are not identical.
        leaked: Validation and test pictures that are copies of one that is trained on.
        clashing: Pictures of which there is a copy under another label.
        flat: Pictures of one tone.
        cropped: Share of a picture that the crop leaves out, on average, 0 … 1.
        fit: How pictures of another shape get theirs: crop, pad or squash.
        size: Side of the pictures in pixels; height and width where they are no squares.
        empty: Share of what is read that a padded picture leaves empty, on average, 0 … 1.
        stretched: By which factor one side of a squashed picture grew more than the other, on average.
        cautions: Sentences on these counts.
        groups: Pictures that belong together; None where nothing says so.
        texts: What each example on the sheet says, of texts; empty elsewhere.
        columns: Of a table, the names of its columns, of which those of words are one for each word.
        rows: Their values in each example on the sheet, as they are; None = missing.
        sounds: Numbers on the contact sheet of pictures of sounds that can be played, from `sound-NUMBER.wav`.
        shown_index: Position in the domain of each picture on the contact sheet; empty in results of earlier versions.
        examples: What they are called: pictures, sounds, texts or rows; empty in results of earlier versions.
    """

    classes: list[str]
    counts: list[int]
    n: int
    channels: int
    train: int
    val: int
    test: int
    skipped: list[tuple[str, str]]
    licence: str
    source: str
    mean: list[float] = []
    std: list[float] = []
    parts: dict[str, Part] = {}
    tree: list[Branch] = []
    notes: list[str] = []
    shown: int = 0
    shown_labels: list[int] | None = None
    copies: int = 0
    near_copies: int = 0
    leaked: int = 0
    clashing: int = 0
    flat: int = 0
    cropped: float = 0.0
    fit: str = "crop"
    size: Size = 32
    empty: float = 0.0
    stretched: float = 1.0
    cautions: list[str] = []
    groups: Groups | None = None
    sounds: list[int] = []
    texts: list[str] = []
    shown_index: list[int] = []
    columns: list[str] = []
    rows: list[list[float | None]] = []
    examples: str = ""

    @property
    def noun(self) -> str:
        """What its examples are called: pictures, sounds, texts or rows."""
        if self.examples:
            return self.examples
        return "rows" if self.columns else "texts" if self.texts else "sounds" if self.sounds else "pictures"
