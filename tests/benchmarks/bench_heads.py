"""Thirty heads of a study (rates × seeds) as one batch, beside one alone, thirty in turn, a bare PyTorch loop and Lightning.

Lightning (the package `pytorch_lightning`) is timed where it is installed.

Each way begins in an empty home with its pictures in memory: what is frozen is computed anew, results and weights are
written. Seconds of the clock, and of the processor, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import logging
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.rounds import own_home, table
from tltk.data import load
from tltk.jobs import pool
from tltk.jobs.worker import Worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.training.compose import build_network


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor, those of children that have ended among them."""
    clock, own = time.perf_counter(), os.times()
    work()
    end = os.times()
    return time.perf_counter() - clock, sum(end[:4]) - sum(own[:4])


def ours(specs: list[TransferSpec], how: str) -> tuple[float, float]:
    """Trained by a worker in a home of its own, from a run folder to a result.

    Args:
        specs: What is trained.
        how: "in turn", "together" in this process, or "study": as a study does, divided among the cores.
    """
    with own_home():
        runs = [Run.create(spec) for spec in specs]
        worker = Worker(runs[0])
        worker.domain(specs[0].target)

        def work() -> None:
            if how == "study":
                pool.train_all(worker, runs, lambda run: None)
            elif how == "together":
                worker.train_batch(runs)
            else:
                for run in runs:
                    worker.train(run)

        found = timed(work)
        assert all(run.status.state == "done" for run in runs)
        return found


def bare(spec: TransferSpec) -> tuple[float, float]:
    """What one would write by hand: a frozen network in evaluation mode, its head trained."""
    domain = load(spec.target)
    split = domain.split(spec.target, spec.seed)
    net, _ = build_network(spec, domain)
    net.requires_grad_(False).eval()
    net.head.requires_grad_(True)
    x, y = torch.from_numpy(domain.images[split.train]), torch.from_numpy(domain.labels[split.train])
    val, labels = torch.from_numpy(domain.images[split.val]), torch.from_numpy(domain.labels[split.val])
    optimizer = torch.optim.AdamW(net.head.parameters(), lr=spec.optim.lr, weight_decay=0.01, fused=True)

    def work() -> None:
        for _ in range(spec.optim.epochs):
            for at in torch.randperm(len(x)).split(spec.optim.batch_size):
                loss = F.cross_entropy(net((x[at].float() / 255 - net.mean) / net.std)[1], y[at])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                float((net((val.float() / 255 - net.mean) / net.std)[1].argmax(1) == labels).float().mean())

    return timed(work)


def lightning(spec: TransferSpec) -> tuple[float, float] | None:
    """The same with Lightning's trainer, silent and without its log; None where it is not installed."""
    try:
        pl: Any = importlib.import_module("pytorch_lightning")
    except ImportError:
        return None
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    domain = load(spec.target)
    split = domain.split(spec.target, spec.seed)
    net, _ = build_network(spec, domain)
    net.requires_grad_(False).eval()
    net.head.requires_grad_(True)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def on_train_epoch_start(self) -> None:
            self.net.eval()

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            x, y = batch
            return F.cross_entropy(self.net((x.float() / 255 - self.net.mean) / self.net.std)[1], y)

        def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
            x, y = batch
            self.log(
                "val", (self.net((x.float() / 255 - self.net.mean) / self.net.std)[1].argmax(1) == y).float().mean()
            )

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.net.head.parameters(), lr=spec.optim.lr, weight_decay=0.01, fused=True)

    x, y = torch.from_numpy(domain.images), torch.from_numpy(domain.labels)
    parts = [TensorDataset(x[index], y[index]) for index in (split.train, split.val)]
    loaders = [DataLoader(part, spec.optim.batch_size, shuffle=i == 0) for i, part in enumerate(parts)]
    trainer = pl.Trainer(
        max_epochs=spec.optim.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timed(lambda: trainer.fit(Module(), *loaders))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--net", default="resnet10t")
    parser.add_argument("--weights", default="store:resnet10t_formulas")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    one = TransferSpec(
        target=DataSpec("rendered_digits", n=options.pictures, size=options.size, val=0.1, test=0.1),
        net=NetSpec(options.net, options.weights),
        strategy=StrategySpec("feature_extraction"),
        optim=OptimSpec(epochs=options.epochs, device="cpu"),
    )
    rates = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    many = [
        dataclasses.replace(one, seed=seed, optim=dataclasses.replace(one.optim, lr=lr))
        for lr in rates
        for seed in range(options.seeds)
    ]
    ways: dict[str, Callable[[], tuple[float, float] | None]] = {
        "one head": lambda: ours([one], "in turn"),
        f"{len(many)} heads as one batch": lambda: ours(many, "together"),
        f"{len(many)} heads as a study trains them": lambda: ours(many, "study"),
        f"{len(many)} heads in turn": lambda: ours(many, "in turn"),
        "one head, bare PyTorch": lambda: bare(one),
        "one head, Lightning": lambda: lightning(one),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    ours([one], "in turn")  # the first of a process loads kernels
    for _ in range(options.rounds):
        for name, way in ways.items():
            times = way()
            if times is not None:
                found[name].append(times)
    if not found["one head, Lightning"]:
        print("Lightning is not installed, so it is not timed.")
    best = {name: (min(w for w, _ in times), min(p for _, p in times)) for name, times in found.items() if times}
    clock, own = best["one head"]
    rows = [[name, f"{w:.2f}", f"{w / clock:.2f}", f"{p:.2f}", f"{p / own:.2f}"] for name, (w, p) in best.items()]
    table(["", "clock, s", "× one head", "processor, s", "× one head"], rows)


if __name__ == "__main__":
    with own_home():
        main()
