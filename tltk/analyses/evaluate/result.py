"""How good a training is on some domains."""

from __future__ import annotations

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """A figure with its 95% interval.

    Attributes:
        value: The figure, 0 … 1.
        lo: Lower end; None = not asked for, or too few pictures.
        hi: Upper end.
    """

    value: float
    lo: float | None = None
    hi: float | None = None


class ClassScore(msgspec.Struct, frozen=True):
    """A class that the domain and the training both have.

    Attributes:
        name: Of the class.
        n: Pictures of it.
        predicted: Pictures of any class that were taken for it.
        precision: Share of these that are of it; None = none was taken for it.
        recall: Share of its pictures that were taken for it; None = it has none.
        f1: Their harmonic mean: 2·TP / (2·TP + FP + FN); None = neither.
        average_precision: Of its probability, against all other classes; None = it has no pictures, or all.
        auc: Area under the ROC curve of its probability, against all other classes.
        recall_at_5_fpr: Largest share of its pictures that a threshold takes which takes at most 5% of the others.
    """

    name: str
    n: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    auc: float | None
    recall_at_5_fpr: float | None = None


class Bin(msgspec.Struct, frozen=True):
    """A part of the reliability curve.

    Attributes:
        lo: Probabilities of the predicted class above this …
        hi: … and up to this.
        n: Pictures with such.
        confidence: Their mean probability; None = there is no picture.
        accuracy: Share of them that are right.
    """

    lo: float
    hi: float
    n: int
    confidence: float | None
    accuracy: float | None


class Reliability(msgspec.Struct, frozen=True):
    """How far probabilities tell how often the training is right.

    Attributes:
        temperature: The logits were divided by it; 1 = as they are.
        ece: Expected calibration error: mean over the pictures of what a bin's confidence and accuracy differ by.
        loss: Mean negative log-likelihood of the classes, in nats.
        brier: Mean squared distance of the probabilities from 1 for the class and 0 for the others, 0 … 2.
        bins: 15 of equal width.
    """

    temperature: float
    ece: float
    loss: float
    brier: float
    bins: list[Bin]


class Threshold(msgspec.Struct, frozen=True):
    """Of two classes: from which probability on a picture is taken for the positive one.

    It is the one with the best balanced accuracy on the training's own validation pictures.

    Attributes:
        positive: The class.
        threshold: The probability from which on; without it 0.5.
        n_val: Validation pictures that chose it.
        accuracy: Of the pictures here, with the threshold.
        balanced_accuracy: Mean of the next two.
        sensitivity: Share of the positive ones that are found; None = there is none.
        specificity: Share of the others that are left alone; None = there is none.
    """

    positive: str
    threshold: float
    n_val: int
    accuracy: float
    balanced_accuracy: float
    sensitivity: float | None
    specificity: float | None


class Rival(msgspec.Struct, frozen=True):
    """Another training on the same pictures.

    Attributes:
        run: Its id.
        n: Pictures whose class both know.
        accuracy: Its share of right ones among them.
        gap: Accuracy of the training that is asked about, less that.
        lo: Lower end of the 95% interval of the gap, paired by picture.
        hi: Upper end.
        sentence: Which is better, or that it cannot be told.
    """

    run: str
    n: int
    accuracy: float
    gap: float
    lo: float
    hi: float
    sentence: str


class DomainScore(msgspec.Struct, frozen=True):
    """How good a training is on one domain.

    A prediction of a class that the domain lacks counts as wrong.

    Attributes:
        domain: Its name.
        part: Of its pictures: test, val, train or all.
        n: Pictures whose class the training knows.
        left_out: Pictures of other classes, which count nowhere.
        matched: Classes that both have.
        unknown: Classes of the domain that the training does not know.
        absent: Classes of the training that the domain lacks.
        seen: Pictures of these that the training learned from, or copies of them.
        accuracy: Share that is right, with its Wilson interval.
        majority: Share of the most frequent class.
        chance: 1 over the training's classes.
        balanced_accuracy: Mean recall of the classes; bootstrap interval.
        macro_f1: Mean F1 of the classes that occur or are predicted; bootstrap interval.
        top5: Share whose class is among the five most probable; None = there are no more than five.
        average_precision: Mean over the classes, one against the rest; bootstrap interval; None = one class alone.
        auc: The same of the area under the ROC curve.
        recall_at_5_fpr: The same of the recall where 5% of the other pictures are taken for the class.
        classes: Figures of each class that both have.
        confusion: How many pictures of each class (rows) were taken for each (columns), by the training's classes.
        reliability: Of the probabilities as they are.
        scaled: After temperature scaling on the training's validation pictures; None = they are not there.
        threshold: Where the training knows two classes.
        rival: The other training, where one is asked for.
    """

    domain: str
    part: str
    n: int
    left_out: int
    matched: list[str]
    unknown: list[str]
    absent: list[str]
    seen: int
    accuracy: Figure
    majority: float
    chance: float
    balanced_accuracy: Figure
    macro_f1: Figure
    top5: float | None
    average_precision: Figure | None
    auc: Figure | None
    classes: list[ClassScore]
    confusion: list[list[int]]
    reliability: Reliability
    scaled: Reliability | None
    threshold: Threshold | None
    rival: Rival | None
    recall_at_5_fpr: Figure | None = None


class EvaluateResult(msgspec.Struct, frozen=True):
    """How good a training is on some domains.

    Attributes:
        run: The training.
        backbone: Its network.
        classes: Names, by class number.
        domains: A score of each domain, as they were named.
        remarks: What must be known before the figures are trusted.
    """

    run: str
    backbone: str
    classes: list[str]
    domains: list[DomainScore]
    remarks: list[str]
