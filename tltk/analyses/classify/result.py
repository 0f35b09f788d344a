"""What `tltk classify` finds."""

from __future__ import annotations

import msgspec

from tltk.results.ranking import PairResult


class LearnerResult(msgspec.Struct, frozen=True):
    """One learner on features as they are, moved, or with weighted pictures; figures are means over the seeds.

    Attributes:
        name: The learner, and after a + how features were moved or pictures weighted.
        learner: The learner.
        alignment: How features were moved; empty = not at all.
        reweighting: How pictures were weighted; empty = equally. With both domains' labels: target_only = the target's
            alone, tradaboost = boosted.
        accuracy: Share of the target's test pictures that are right, 0 … 1.
        lo: Lower end of its 95% interval.
        hi: Upper end.
        best_rank: 1 + those that are better, as far as can be told.
        worst_rank: All, less those that are worse, as far as can be told.
        macro_f1: Mean over the classes of the harmonic mean of precision and recall, 0 … 1.
        seconds: To choose hyper-parameters, fit and name the test pictures.
        chosen: Hyper-parameter → value, for each seed.
        folds: Of the cross-validation that chose them; 0 = too few pictures for one, the usual values.
    """

    name: str
    learner: str
    alignment: str
    reweighting: str
    accuracy: float
    lo: float
    hi: float
    best_rank: int
    worst_rank: int
    macro_f1: float
    seconds: float
    chosen: list[dict[str, int | float | str]]
    folds: int


class WeightedPicture(msgspec.Struct, frozen=True):
    """A picture of the source with its weight.

    Attributes:
        at: Its position in the source.
        weight: Of a mean of 1.
        label: Its class.
        place: Its number on the sheet of pictures that lies beside the result, from 0.
        text: What it says, of texts; empty elsewhere.
    """

    at: int
    weight: float
    label: str
    place: int = 0
    text: str = ""


class ReweightingResult(msgspec.Struct, frozen=True):
    """How one reweighting weighs the source's pictures, at the first seed.

    Attributes:
        name: As it was asked for; of TrAdaBoost with the learner, whose last round's weights they are.
        n: Pictures of the source.
        effective: How many pictures of equal weight would tell as much.
        largest: The pictures that count most, largest weight first.
        least: Those that count least, least weight first.
    """

    name: str
    n: int
    effective: float
    largest: list[WeightedPicture]
    least: list[WeightedPicture]


class ClassifyResult(msgspec.Struct, frozen=True):
    """Learners by accuracy, best first, and every pair of them.

    Attributes:
        rows: What each came to.
        pairs: Every pair, in the order of the rows.
        sentence: Which does best, as far as can be told.
        remarks: What must be known before the figures are trusted.
        left_out: Learner with its alignment or reweighting → why it could not be used.
        weights: A reweighting each, or a learner that was boosted.
        layer: Whose features were used; as many as there are layers = what enters the head.
        layer_name: Its name.
        width: Features of a picture.
        labels: Whose labels were learned from: target, source or both.
        seeds: Of the training pictures.
        n_train: Training pictures, for each seed.
        n_test: Test pictures of the target.
        classes: Of the target.
        majority: Share of the most frequent class among the test pictures, 0 … 1.
        seconds: Part → seconds: features, and each alignment and reweighting over all seeds.
    """

    rows: list[LearnerResult]
    pairs: list[PairResult]
    sentence: str
    remarks: list[str]
    left_out: dict[str, str]
    weights: list[ReweightingResult]
    layer: int
    layer_name: str
    width: int
    labels: str
    seeds: list[int]
    n_train: list[int]
    n_test: int
    classes: int
    majority: float
    seconds: dict[str, float]
