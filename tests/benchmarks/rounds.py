"""What the benchmarks share: a home of their own, trainings epoch by epoch, tables."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tltk.data import load
from tltk.data.domain import Domain
from tltk.results.rows import Row
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.training.bank import FeatureBank
from tltk.training.loop import Callbacks, Training
from tltk.weights.load import build_net

SHARED = Path(os.environ.get("TLTK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")


@contextmanager
def own_home() -> Iterator[Path]:
    """An empty home, so that no bank or run from before helps."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["TLTK_HOME"] = folder
        yield Path(folder)


def pictures(n: int, size: int) -> tuple[DataSpec, Domain]:
    """Rendered digits of which n are for training."""
    spec = DataSpec("rendered_digits", n=round(n / 0.8), size=size, val=0.1, test=0.1)
    return spec, load(spec)


def prepared(spec: TransferSpec, domain: Domain, bank: FeatureBank, callbacks: Callbacks | None = None) -> Training:
    """A training of this spec, ready to run."""
    net = build_net(spec.net, len(domain.classes), domain.images.shape[-1], domain.images.shape[1], spec.seed)
    phases = make(spec.strategy).phases(net.depth, spec.net.boundary, spec.optim.epochs)
    return Training(spec, net, domain, domain.split(spec.target, spec.seed), phases, bank, callbacks or Callbacks())


def digit_arrays(folder: Path, train: int, test: int) -> dict[str, str]:
    """MNIST, USPS and MNIST-M of the shared data, cut to so many pictures, in a folder; MNIST a second time with three equal channels."""
    found = {}
    for name, file in (("mnist", "mnist"), ("usps", "usps"), ("mnistm", "mnistm"), ("mnist, in colour", "mnist")):
        path = folder / f"{name.replace(', ', '_').replace(' ', '_')}.npz"
        with np.load(SHARED / "npz" / f"{file}.npz") as read:
            draw = np.random.default_rng(0)
            parts: dict[str, Any] = {}
            for part, n in (("train", train), ("test", test)):
                x, y = read[f"x_{part}"], read[f"y_{part}"]
                kept = draw.permutation(len(x))[:n]
                x = np.repeat(x[kept][..., None], 3, -1) if "colour" in name else x[kept]
                parts |= {f"x_{part}": x, f"y_{part}": y[kept]}
        np.savez(path, **parts)
        found[name] = f"npz:{path}"
    return found


class Epochs:
    """A training of which one epoch at a time is run and timed, its validation too unless it is `bare`."""

    def __init__(self, spec: TransferSpec, domain: Domain, bank: FeatureBank, *, bare: bool = False) -> None:
        self.rows: list[Row] = []
        self.training = prepared(spec, domain, bank, Callbacks(emit=self.rows.extend))
        self.depth, phases = self.training.net.depth, self.training.phases
        self.training._clock = time.perf_counter()
        self.training._begin_metering()
        if bare:
            self.training._validate = lambda: []  # type: ignore[method-assign]
        start = time.perf_counter()
        self.training._enter(phases[0])
        self.build = time.perf_counter() - start
        self.seconds: list[float] = []

    def epoch(self) -> None:
        start = time.perf_counter()
        self.training._epoch(self.training.phases[0], self.training.spec.optim.epochs)
        self.seconds.append(time.perf_counter() - start)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_after_first(self) -> float:
        """Seconds of an epoch; the first warms up and compiles."""
        return statistics.median(self.seconds[1:])

    @property
    def losses(self) -> list[float]:
        return [r.value for r in self.rows if r.split == "train" and r.name == "loss"]


def transfer(
    data: DataSpec,
    backbone: str,
    boundary: int,
    *,
    cache: str = "float32",
    strategy: str = "fine_tune",
    seed: int = 0,
    epochs: int = 20,
    weights: str = "scratch",
    batch_size: int = 64,
) -> TransferSpec:
    return TransferSpec(
        target=data,
        net=NetSpec(backbone=backbone, boundary=boundary, weights=weights),
        strategy=StrategySpec(strategy),
        seed=seed,
        optim=OptimSpec(epochs=epochs, batch_size=batch_size, cache=cache, schedule="constant"),
    )


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table."""
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for number, line in enumerate(lines):
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |")
        if not number:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    print(flush=True)


def ask_or_write(
    about: str | None,
    questions: Mapping[str, Callable[[list[dict[str, Any]]], Iterable[dict[str, Any]]]],
    page: Callable[[list[dict[str, Any]]], Iterable[str]],
    usual: str,
    lacking: str = "",
) -> None:
    """The command of a benchmark that keeps its answers as rows of a file, and makes a page of all of them.

    Args:
        about: What its help says.
        questions: Name → what asks it, given the rows that are there.
        page: From all rows to the lines of the page.
        usual: Name of the file of rows.
        lacking: Why nothing can be asked here; "" = it can.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--only", default=",".join(questions), help="questions, with commas")
    parser.add_argument("--rows", type=Path, default=Path(usual), help="file that answers are added to")
    parser.add_argument("--write", type=Path, help="write the page of all answers there, and ask nothing")
    options = parser.parse_args()
    if options.write:
        options.write.write_text("\n".join(page([json.loads(line) for line in options.rows.read_text().splitlines()])))
        return
    if lacking:
        print(lacking)
        return
    with own_home():
        for question in options.only.split(","):
            rows = options.rows.read_text().splitlines() if options.rows.exists() else []
            for row in questions[question]([json.loads(line) for line in rows]):
                print(json.dumps(row), flush=True)
                with options.rows.open("a") as file:
                    file.write(json.dumps(row) + "\n")
