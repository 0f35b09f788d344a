"""Thirty heads of a study (rates × seeds) as one batch, beside one alone, thirty in turn, and a bare PyTorch loop.

Each way begins in an empty home with its pictures in memory: what is frozen is computed anew, results and weights are
written. Seconds of the clock, and of the processor, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from tests.benchmarks.rounds import own_home, table
from tltk.data import load
from tltk.jobs.worker import Worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.training.compose import build_network


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    clock, own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - own


def ours(specs: list[TransferSpec], together: bool) -> tuple[float, float]:
    """Trained by a worker in a home of its own, from a run folder to a result."""
    with own_home():
        runs = [Run.create(spec) for spec in specs]
        worker = Worker(runs[0])
        worker.domain(specs[0].target)

        def work() -> None:
            if together:
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
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "one head": lambda: ours([one], False),
        f"{len(many)} heads as one batch": lambda: ours(many, True),
        f"{len(many)} heads in turn": lambda: ours(many, False),
        "one head, bare PyTorch": lambda: bare(one),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    ours([one], False)  # the first of a process loads kernels
    for _ in range(options.rounds):
        for name, way in ways.items():
            found[name].append(way())
    best = {name: (min(w for w, _ in times), min(p for _, p in times)) for name, times in found.items()}
    clock, own = best["one head"]
    rows = [[name, f"{w:.2f}", f"{w / clock:.2f}", f"{p:.2f}", f"{p / own:.2f}"] for name, (w, p) in best.items()]
    table(["", "clock, s", "× one head", "processor, s", "× one head"], rows)


if __name__ == "__main__":
    with own_home():
        main()
