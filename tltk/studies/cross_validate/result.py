"""What a cross-validation found."""

from __future__ import annotations

import msgspec

from tltk.results.ranking import PairResult


class FoldResult(msgspec.Struct, frozen=True):
    """One technique on one fold.

    Attributes:
        repeat: Which division into folds, from 1.
        fold: Which of its folds is the test, from 1.
        score: What is weighed, 0 … 1: accuracy, or the metric that was asked for.
        accuracy: Share of its pictures that are right, 0 … 1.
        macro_f1: 0 … 1.
        lr: The rate that was used.
        n_test: Pictures of the fold.
        n_train: Pictures that were learned from.
    """

    repeat: int
    fold: int
    score: float
    accuracy: float
    macro_f1: float
    lr: float
    n_test: int
    n_train: int


class FoldedArmResult(msgspec.Struct, frozen=True):
    """What one technique came to; figures are means over the folds of all repeats.

    Attributes:
        name: The technique, as it was asked for.
        score: What is weighed, 0 … 1: accuracy, or the metric that was asked for.
        lo: Lower end of its 95% interval (corrected resampled t).
        hi: Upper end.
        accuracy: Share of the pictures of a fold that are right, 0 … 1.
        macro_f1: 0 … 1.
        folds: Each fold of each repeat.
        steps: Optimiser steps of a training.
        images: Pictures seen, repeats counted.
        seconds: Of one training.
    """

    name: str
    score: float
    lo: float
    hi: float
    accuracy: float
    macro_f1: float
    folds: list[FoldResult]
    steps: float
    images: float
    seconds: float


class CrossValidateResult(msgspec.Struct, frozen=True):
    """One technique or two, each tested on every picture once in each repeat.

    Attributes:
        arms: What each came to, in the order in which they were asked for.
        gap: The second against the first, paired by fold; None where there is one technique.
        sentence: How good it is, or which is better, as far as can be told.
        remarks: What must be known before the figures are trusted.
        folds: How many.
        repeats: How many divisions into folds.
        n_pictures: Pictures that were tested in each repeat.
        n_groups: Groups that were kept whole; 0 = copies alone belong together.
        search: Arm → repeat/fold → rate → validation score; empty where the rate was given.
        metric: What is weighed: one of optim.metric's, such as accuracy.
    """

    arms: list[FoldedArmResult]
    gap: PairResult | None
    sentence: str
    remarks: list[str]
    folds: int
    repeats: int
    n_pictures: int
    n_groups: int = 0
    search: dict[str, dict[str, dict[str, float]]] = {}
    metric: str = "accuracy"
