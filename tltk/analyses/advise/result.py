"""What is advised."""

from __future__ import annotations

import msgspec


class SuggestionResult(msgspec.Struct, frozen=True):
    """One technique that may be tried.

    Attributes:
        technique: In one word, as `tltk race --arms` takes it.
        boundary: Lowest layer that learns.
        why: The reason, in a sentence.
        change: What would change it, in a sentence.
        minutes: Estimated for a training on this machine; None where it cannot be estimated.
        backbone: Whose layers the boundary counts.
        weights: Where its weights come from.
    """

    technique: str
    boundary: int
    why: str
    change: str
    minutes: float | None
    backbone: str = ""
    weights: str = ""


class NetworkResult(msgspec.Struct, frozen=True):
    """A network that was a candidate.

    Attributes:
        backbone: timm's name.
        weights: Where its weights come from.
        logme: Evidence for the labels under a linear model of what enters its head; None where there is none.
        best_place: The best place by LogME that it may have, from 1; 0 where it has none.
        milliseconds: That a picture takes, estimated for this machine in batches; None where it cannot be estimated.
        why: Why it was left out; empty where it was not.
    """

    backbone: str
    weights: str
    logme: float | None
    best_place: int
    milliseconds: float | None
    why: str


class ProbeResult(msgspec.Struct, frozen=True):
    """What the features of one layer know of the target.

    Attributes:
        layer: Its name.
        accuracy: Of a linear probe, cross-validated, 0 … 1.
        random: The same of a network with random weights.
        lo: Lower end of the 95% interval of the difference.
        hi: Upper end.
    """

    layer: str
    accuracy: float
    random: float
    lo: float
    hi: float


class AdviseResult(msgspec.Struct, frozen=True):
    """What to try, best first, and what it rests on.

    Attributes:
        suggestions: Best first.
        sentence: The first of them with its reason.
        few: Whether there are few labels.
        similar: yes, no or cannot tell: whether the features that enter the head know the target.
        per_class: Labelled training pictures of the smallest class.
        n_train: Labelled training pictures.
        classes: How many classes.
        best_layer: Index of the earliest layer whose probe cannot be told from the best; the last index stands for
            what enters the head.
        probes: Layer by layer, then what enters the head.
        distance: Squared MMD of source and target in what enters the head; None without a source.
        p: Its p-value; None without a source.
        record: How often earlier advice was right in this home, in a sentence.
        networks: The candidates, best first; empty where the network was given.
    """

    suggestions: list[SuggestionResult]
    sentence: str
    few: bool
    similar: str
    per_class: int
    n_train: int
    classes: int
    best_layer: int
    probes: list[ProbeResult]
    distance: float | None
    p: float | None
    record: str
    networks: list[NetworkResult] = []
