"""What comes back: plain data that a worker writes and a page draws. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

ACROSS = 32  # pictures in a row of a contact sheet, `pictures.png`


class Row(msgspec.Struct, frozen=True, array_like=False, omit_defaults=True):
    """One measured number: a line of `rows.jsonl`.

    `split` is train, val or test; `layer` is an index into the network's layers (depth = the head)
    or None. `seconds` count from the first start of the run, stops left out.
    """

    epoch: int
    step: int
    seconds: float
    split: str
    name: str
    value: float
    layer: int | None = None


@dataclass(frozen=True)
class Curve:
    """A line with, where there are several seeds, its 95 % band; all lists have one length."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lo: tuple[float, ...] = ()
    hi: tuple[float, ...] = ()
    x_unit: str = "steps"


@dataclass(frozen=True)
class Layer:
    """One layer of a network at one input size.

    `parameters` and `flops` (multiply and add counted apart, forward pass of one picture) are the
    layer's own; `shape` is its output for one picture; `crossing` is how many numbers per picture
    the layers after it read. `flops` is None where they cannot be counted.
    """

    index: int
    name: str
    parameters: int
    flops: int | None
    shape: tuple[int, ...]
    crossing: int


class Column(msgspec.Struct, frozen=True):
    """One quantity over depth: a number per layer, and the last for what enters the head.

    `lo`…`hi` is a 95 % interval, `null_lo`…`null_hi` what chance gives (95 %), `p` and `effect` the
    test against it; `p_holm` and `p_bh` are corrected over all tests of the answer. Each is empty where
    there is none. Unit "%" = shares, 0 … 1.
    """

    name: str
    title: str
    unit: str
    values: list[float]
    lo: list[float] = []
    hi: list[float] = []
    null_lo: list[float] = []
    null_hi: list[float] = []
    p: list[float] = []
    p_holm: list[float] = []
    p_bh: list[float] = []
    effect: list[float] = []


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


UNEVEN = 0.02  # by how much the most frequent class must exceed its even share to be worth naming


def accuracy_in_words(result: dict[str, Any]) -> str:
    """The test accuracy of a training with what it must be held against: its interval, and knowing nothing."""
    text = f"{result['accuracy']:.3f}"
    if "accuracy_lo" not in result:  # of a version that had no interval
        return text
    low, high, n = result["accuracy_lo"], result["accuracy_hi"], len(result["labels"])
    chance, majority = result["chance"], result["majority"]
    idle = f"chance {chance:.3f}"
    if majority - chance > UNEVEN:
        idle = f"always naming the most frequent class {majority:.3f}"
    return f"{text} (95 % interval {low:.3f} … {high:.3f}, {n:,} pictures; {idle})"
