"""What `tltk zero-shot-text` finds."""

from __future__ import annotations

import msgspec


class PromptResult(msgspec.Struct, frozen=True):
    """One class and its sentence.

    Attributes:
        name: The class.
        prompt: The sentence that stands for it.
        n: Pictures of it.
        accuracy: Share of them that is right; None = there are none.
        taken_for: The wrong class that was said most often; empty = none.
    """

    name: str
    prompt: str
    n: int
    accuracy: float | None
    taken_for: str


class ZeroShotTextResult(msgspec.Struct, frozen=True):
    """How well pictures are named from the names of the classes alone.

    Attributes:
        accuracy: Share of the pictures that is right, 0 … 1.
        lo: Lower end of its 95% interval (Wilson), for other pictures of these classes.
        hi: Upper end.
        chance: 1 over the number of classes.
        majority: Share of the most frequent class.
        classes: Each, with its sentence.
        checkpoint: The folder's name.
        template: The sentence of a class; {} stands for its name.
        part: Pictures that were named: test or all.
        n: So many.
        size: Side that the model reads, in pixels.
        sentence: The accuracy, in words.
        remarks: What must be known before the figures are trusted.
        seconds: That it took.
    """

    accuracy: float
    lo: float
    hi: float
    chance: float
    majority: float
    classes: list[PromptResult]
    checkpoint: str
    template: str
    part: str
    n: int
    size: int
    sentence: str
    remarks: list[str]
    seconds: float
