"""A verdict: whether one of two arms is better, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ClassGap:
    """Accuracy of both arms on one class, and the interval of the difference."""

    name: str
    scratch: float
    transfer: float
    gap: float
    lo: float
    hi: float
    label: str
    n: int = 0  # its test examples


@dataclass(frozen=True)
class Verdict:
    """Is one of two arms better? What `judge` finds from paired scores, and what a comparison adds.

    Scores, accuracies and gaps are shares (0 … 1) of the test examples. The fields from `steps` on
    belong to a comparison of trainings and keep their defaults elsewhere.
    """

    label: str  # helps · hurts · no difference · cannot tell
    gap: float
    lo: float
    hi: float
    scratch: float  # mean score of the first arm
    transfer: float  # mean score of the second
    seeds: tuple[int, ...]
    n_test: int
    sentence: str
    level: float = 0.95
    delta: float = 0.01
    per_class: tuple[ClassGap, ...] = ()
    steps: int = 0
    images: int = 0
    budget: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)  # arm → steps, images → least, most
    scratch_lr: float = 0.0
    transfer_lr: float = 0.0
    search: dict[str, dict[str, float]] = field(default_factory=dict)  # arm → learning rate → validation accuracy
    search_seed: int | None = None
    at_edge: dict[str, str] = field(default_factory=dict)  # arm → lowest or highest, where the best rate was that
    n_train: int = 0
    n_val: int = 0
    majority: float = 0.0  # share of the commonest class among the test examples
    learning: dict[str, tuple[str, ...]] = field(default_factory=dict)  # arm → not learned, climbing, over-fitting
    remarks: tuple[str, ...] = ()  # sentences of caution, also at the end of `sentence`
    taken_out: int = 0
    seen_by_source: int = 0
    jump_start: float = 0.0
    area_ratio: float = 0.0
    steps_to_scratch_best: int | None = None
    speed_up_steps: float | None = None
    seconds_to_scratch_best: float | None = None
    speed_up_seconds: float | None = None
    metric: str = "accuracy"  # what the scores are of; gaps of classes are of accuracy always
