"""What comes back: plain data that a worker writes and a page draws. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

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
    test against it; each is empty where there is none. Unit "%" = shares, 0 … 1.
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


@dataclass(frozen=True)
class Verdict:
    """Does transfer help here? Accuracies and gaps are shares (0 … 1) of the test pictures."""

    label: str  # helps · hurts · cannot tell
    gap: float
    lo: float
    hi: float
    scratch: float
    transfer: float
    seeds: tuple[int, ...]
    n_test: int
    steps: int
    images: int
    scratch_lr: float
    transfer_lr: float
    search: dict[str, dict[str, float]]  # arm → learning rate → validation accuracy
    per_class: tuple[ClassGap, ...]
    jump_start: float
    area_ratio: float
    steps_to_scratch_best: int | None
    speed_up_steps: float | None
    seconds_to_scratch_best: float | None
    speed_up_seconds: float | None
    sentence: str
