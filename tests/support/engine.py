"""What the engine's tests share: a small domain, small nets, and trainings that write down what they do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tltk.data.domain import Domain, Split
from tltk.nn.net import Net
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.specs.parts import NetSpec, OptimSpec, StrategySpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training import checkpoint
from tltk.training.bank import FeatureBank
from tltk.training.compose import build_network
from tltk.training.loop import Callbacks, Stopped, Training

NETS = ("test_vit", "test_resnet", "test_convnext")
MEASURED = ("images_per_second", "memory")  # rows that differ from one time to the next by nature


def domain(n: int = 48, size: int = 32, channels: int = 3, classes: int = 3, seed: int = 0) -> Domain:
    """Noise pictures with a bright corner that tells the class: quick to learn, nothing to download."""
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 160, (n, channels, size, size), dtype=np.uint8)
    labels = np.arange(n, dtype=np.int64) % classes
    for c in range(classes):
        at = c * size // classes
        images[labels == c, :, at : at + size // classes, : size // 2] += 90
    return Domain.of("noise", images, labels, [f"c{i}" for i in range(classes)], licence="none", source="made")


def split(d: Domain, train: int = 24) -> Split:
    """The first `train` pictures, then halves for val and test."""
    rest = np.arange(train, len(d.labels))
    return Split(np.arange(train), rest[::2], rest[1::2])


def spec(
    backbone: str = "test_resnet",
    *,
    boundary: int = 0,
    strategy: str = "fine_tune",
    knobs: dict[str, Any] | None = None,
    net: dict[str, Any] | None = None,
    views: ViewSpec | None = None,
    seed: int = 0,
    **optim: Any,
) -> TransferSpec:
    """A short training: three epochs of three batches on the CPU unless said otherwise."""
    chosen = {"epochs": 3, "batch_size": 8, "device": "cpu", "lr": 3e-3, **optim}
    return TransferSpec(
        net=NetSpec(backbone=backbone, boundary=boundary, **(net or {})),
        strategy=StrategySpec(strategy, knobs or {}),
        optim=OptimSpec(**chosen),
        views=views or ViewSpec(),
        seed=seed,
    )


class Eager(Training):
    """Writes a checkpoint after every epoch, however short."""

    @property
    def _save_cost(self) -> float:
        return 0.0

    @_save_cost.setter
    def _save_cost(self, _: float) -> None:
        pass


@dataclasses.dataclass
class Record:
    """What a training left behind."""

    rows: list[Row]
    said: list[str]
    result: TrainingResult
    training: Training
    first: dict[str, torch.Tensor]

    @property
    def net(self) -> Net:
        return self.training.net

    def values(self, *, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows but clocks and measurements, as they must repeat."""
        return [
            (r.epoch, r.step, r.split, r.name, r.layer, r.value)
            for r in self.rows
            if r.name not in (*MEASURED, *without)
        ]

    def curve(self, name: str, part: str) -> list[float]:
        return [r.value for r in self.rows if r.name == name and r.split == part]


def training(
    wanted: TransferSpec,
    d: Domain | None = None,
    *,
    callbacks: Callbacks | None = None,
    bank: FeatureBank | None = None,
    parts: Split | None = None,
) -> Training:
    """A training of this spec in a new net."""
    d = domain() if d is None else d
    net, phases = build_network(wanted, d)
    return Eager(wanted, net, d, parts or split(d), phases, bank or FeatureBank(), callbacks or Callbacks())


def train(
    wanted: TransferSpec,
    d: Domain | None = None,
    *,
    bank: FeatureBank | None = None,
    parts: Split | None = None,
    callbacks: Callbacks | None = None,
) -> Record:
    """Train to the end and write everything down."""
    rows: list[Row] = []
    said: list[str] = []
    callbacks = callbacks or Callbacks()
    callbacks.emit, callbacks.notify = rows.extend, said.append
    made = training(wanted, d, callbacks=callbacks, bank=bank, parts=parts)
    first = {n: t.detach().clone() for n, t in made.net.state_dict().items()}
    return Record(rows, said, made.run(), made, first)


def interrupted(wanted: TransferSpec, path: Path, after: int, d: Domain | None = None) -> Record:
    """Train, stop in the middle of the epoch after number `after`, and go on in a new net from the file."""
    kept: list[Row] = []
    rows: list[Row] = []
    asked = 0

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        checkpoint.write(path, tensors, state)
        kept[:] = rows

    def check() -> None:
        nonlocal asked
        asked += made.now.epoch >= after
        if asked > 2:  # once while it evaluates epoch `after`, then in the next one's second batch
            raise Stopped

    made = training(wanted, d, callbacks=Callbacks(emit=rows.extend, check=check, save=save))
    with pytest.raises(Stopped):
        made.run()
    saved = checkpoint.read(path)
    assert saved is not None and saved[1]["progress"]["epoch"] == after
    again = train(wanted, d, callbacks=Callbacks(saved=saved, save=save))
    again.rows[:0] = kept
    return again
