"""What `tltk episodes` finds."""

from __future__ import annotations

import msgspec


class EpisodesResult(msgspec.Struct, frozen=True):
    """Accuracy over episodes, with what they were drawn from.

    Attributes:
        accuracy: Mean over the episodes, 0 … 1.
        lo: Lower end of its interval.
        hi: Upper end.
        deviation: Standard deviation of the episodes' accuracies.
        worst: Accuracy of the worst episode.
        best: And of the best.
        chance: 1 / ways.
        ways: Classes of an episode.
        shots: Pictures that a prototype is the mean of.
        queries: Pictures of each class that are named.
        episodes: How many were drawn.
        distance: Of a picture and what it is held against: euclidean (squared) or cosine.
        layer: Whose features were used; as many as there are layers = what enters the head.
        layer_name: Its name.
        part: Pictures that episodes were drawn from: test or all.
        n: So many pictures.
        classes: Classes with enough pictures.
        left_out: Classes with too few.
        sentence: The accuracy and what its interval is, in words.
        remarks: What must be known before the figures are trusted.
        seconds: That it took.
        nearest: What decided: the nearest mean of a class (prototype), or its nearest picture (template).
    """

    accuracy: float
    lo: float
    hi: float
    deviation: float
    worst: float
    best: float
    chance: float
    ways: int
    shots: int
    queries: int
    episodes: int
    distance: str
    layer: int
    layer_name: str
    part: str
    n: int
    classes: int
    left_out: int
    sentence: str
    remarks: list[str]
    seconds: float
    nearest: str = "prototype"
