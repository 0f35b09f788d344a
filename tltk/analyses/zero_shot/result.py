"""What `tltk zero-shot` finds."""

from __future__ import annotations

import msgspec


class AttributeAccuracy(msgspec.Struct, frozen=True):
    """How well one attribute is told; means over the draws.

    Attributes:
        name: The attribute.
        values: How many it has.
        seen: Share of the test pictures of seen combinations whose value is right, 0 … 1.
        unseen: The same of unseen combinations.
        lo: Lower end of the 95% interval of `unseen` (Student's t over the draws).
        hi: Upper end.
        majority: Share of the most frequent value among the test pictures of unseen combinations.
    """

    name: str
    values: int
    seen: float
    unseen: float
    lo: float
    hi: float
    majority: float


class CombinationResult(msgspec.Struct, frozen=True):
    """One combination, over the draws in which it was not shown.

    Attributes:
        name: Its values, in the order of the attributes.
        draws: In how many it was unseen.
        n: Test pictures that were named, over these draws.
        accuracy: Share of them that is right, among the unseen combinations of each draw.
        taken_for: The wrong combination that was said most often; empty = none.
    """

    name: str
    draws: int
    n: int
    accuracy: float
    taken_for: str


class ZeroShotResult(msgspec.Struct, frozen=True):
    """How well combinations of attributes that were never shown are named.

    Attributes:
        accuracy: Mean over the unseen combinations of the share of their test pictures that is right, mean over draws.
        lo: Lower end of its 95% interval (Student's t over the draws).
        hi: Upper end.
        chance: 1 over the number of unseen combinations, mean over draws.
        seen_accuracy: The same among seen combinations, on their own test pictures.
        seen_chance: 1 over the number of seen combinations, mean over draws.
        draws: Accuracy of each draw.
        attributes: How well each is told.
        combinations: Those that were unseen in some draw, the best named first.
        n_unseen: Combinations of a draw that were not shown, at most.
        n_seen: Those that were, at most.
        n_train: Training pictures, at most.
        n_test: Test pictures of unseen combinations, mean over draws.
        layer: Whose features were used; as many as there are layers = what enters the head.
        layer_name: Its name.
        sentence: The accuracy, in words.
        remarks: What must be known before the figures are trusted.
        seconds: That it took.
    """

    accuracy: float
    lo: float
    hi: float
    chance: float
    seen_accuracy: float
    seen_chance: float
    draws: list[float]
    attributes: list[AttributeAccuracy]
    combinations: list[CombinationResult]
    n_unseen: int
    n_seen: int
    n_train: int
    n_test: float
    layer: int
    layer_name: str
    sentence: str
    remarks: list[str]
    seconds: float
