"""What a race found."""

from __future__ import annotations

import msgspec

from tltk.results.ranking import PairResult


class ArmResult(msgspec.Struct, frozen=True):
    """What one technique came to; figures are means over the seeds.

    Attributes:
        name: The technique, as it was asked for.
        accuracy: Share of the target's test pictures that are right at the end, 0 … 1.
        lo: Lower end of its 95% interval, for other seeds and other pictures.
        hi: Upper end.
        best_rank: 1 + the arms that are better, as far as can be told.
        worst_rank: The arms less those that are worse, as far as can be told.
        lr: The rate that its search chose.
        at_edge: "lowest" or "highest" where that rate lies at an edge of what was tried; else empty.
        macro_f1: 0 … 1.
        steps: Optimiser steps.
        images: Pictures seen, repeats counted.
        gflops: 10⁹ operations; None where they cannot be counted.
        seconds: Of one training.
        n_learned: Parameters that learn; 0 = not known.
        n_parameters: Parameters of the network; 0 = not known.
        source_before: Accuracy on the source's test at the start; None where it is not measured.
        source_after: The same at the end.
        picks: Criterion without target labels → accuracy of the epoch that it picks; empty where they are used.
        oracle: Accuracy of the epoch that the target's labels would pick; nobody could pick so. None as for `picks`.
    """

    name: str
    accuracy: float
    lo: float
    hi: float
    best_rank: int
    worst_rank: int
    lr: float
    at_edge: str
    macro_f1: float
    steps: float
    images: float
    gflops: float | None
    seconds: float
    n_learned: int
    n_parameters: int
    source_before: float | None = None
    source_after: float | None = None
    picks: dict[str, float] = {}
    oracle: float | None = None


class RaceResult(msgspec.Struct, frozen=True):
    """Arms by accuracy, best first, and every pair of them.

    Attributes:
        arms: What each came to.
        pairs: Every pair, in the order of the arms.
        sentence: Who is ahead, as far as can be told.
        remarks: What must be known before the figures are trusted.
        seeds: The seeds that were measured.
        n_test: Test pictures.
        n_train: Training pictures of the target.
        search: Arm → rate → validation accuracy.
    """

    arms: list[ArmResult]
    pairs: list[PairResult]
    sentence: str
    remarks: list[str]
    seeds: list[int]
    n_test: int
    n_train: int
    search: dict[str, dict[str, float]] = {}
