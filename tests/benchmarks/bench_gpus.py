"""Fine-tuning on a GPU beside a bare compiled bfloat16 loop, and one training on several GPUs beside one on one.

Where there is no GPU it says so and does nothing; `--any-device` shows on small networks that it runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from tests.benchmarks.rounds import Epochs, own_home, table, transfer
from tltk.data.domain import Domain
from tltk.jobs.worker import Worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.training.bank import FeatureBank
from tltk.weights.load import build_net

GOAL = 0.9  # of the bare loop's speed


def noise(n: int, size: int) -> Domain:
    """Pictures of no meaning: a step takes as long as with any."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    return Domain.of("noise", images, np.arange(n) % 10, list("abcdefghij"), licence="none", source="drawn")


class Bare:
    """What one would write by hand: pictures in memory, moved and normalised batch by batch, a compiled network."""

    def __init__(self, ours: Epochs, compiles: bool) -> None:
        made = ours.training
        spec, self.device = made.spec, made.device
        net = build_net(spec.net, len(made.domain.classes), made.domain.images.shape[-1], 3, 0)
        self.net = net.to(made.device).to(memory_format=torch.channels_last)
        self.passes = torch.compile(self.net, dynamic=False) if compiles else self.net
        self.x, self.y = torch.from_numpy(made.domain.images[made.split.train]), made.labels[made.split.train]
        groups = [
            {"params": [p for p in self.net.parameters() if p.ndim > 1], "weight_decay": spec.optim.weight_decay},
            {"params": [p for p in self.net.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=spec.optim.lr, fused=True)
        self.batch = spec.optim.batch_size
        self.seconds: list[float] = []

    def epoch(self) -> None:
        start = time.perf_counter()
        self.net.train()
        total = torch.zeros((), device=self.device)
        for at in torch.randperm(len(self.x)).split(self.batch):
            if len(at) < self.batch:
                break  # of another size it would be compiled again
            with torch.autocast(self.device.type, torch.bfloat16):
                x = (self.x[at].to(self.device).float() / 255 - self.net.mean) / self.net.std
                logits = self.passes(x.contiguous(memory_format=torch.channels_last))[1]
                loss = F.cross_entropy(logits, self.y[at].to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        total.item()  # waits for the GPU
        self.seconds.append(time.perf_counter() - start)


def beside_a_bare_loop(nets: list[str], size: int, batch: int, steps: int, rounds: int, compiles: bool) -> None:
    """One table: ours, compiled and not, as shares of the bare loop's speed."""
    found: list[list[object]] = []
    domain = noise(round(batch * steps / 0.55), size)  # so many steps in the part that is learned from
    for name in nets:
        spec = transfer(DataSpec("noise", size=size), name, 0, epochs=rounds + 1, batch_size=batch)
        ours = {}
        for compiled in {compiles, False}:
            optim = replace(spec.optim, precision="bfloat16", compile=compiled)
            ours[compiled] = Epochs(replace(spec, optim=optim), domain, FeatureBank(), bare=True)
        bare = Bare(ours[False], compiles)
        for _ in range(rounds + 1):
            bare.epoch()
            for arm in ours.values():
                arm.epoch()
        speed = len(bare.x) // batch * batch / statistics.median(bare.seconds[1:])  # the first compiles
        row: list[object] = [f"{name}, {size} px, batch {batch}", f"{speed:,.0f}"]
        for compiled in (True, False):
            if compiled not in ours:
                row.append("not measured")
                continue
            arm = ours[compiled]
            pictures = arm.training.now.images / len(arm.seconds)  # of an epoch
            row.append(f"{pictures / arm.median_after_first / speed:.1%}")
        found.append(row)
    print(f"Pictures a second of the bare loop in bfloat16, and our share of it; the goal is {GOAL:.0%}.\n")
    table(["network", "bare, compiled" if compiles else "bare", "ours, optim.compile", "ours"], found)


def on_several(name: str, size: int, batch: int, counts: list[int], device: str) -> None:
    """One table: pictures a second of one training in so many processes, at the same batch."""
    found: list[list[object]] = []
    for n in counts:
        data = DataSpec("rendered_digits", n=batch * 12, size=size)
        spec = transfer(data, name, 0, epochs=4, batch_size=batch)
        run = Run.create(replace(spec, optim=replace(spec.optim, device=device, processes=n)))
        Worker(run).train(run)
        rows = run.rows()[0]
        speed = statistics.median(row.value for row in rows if row.name == "images_per_second" and row.epoch > 1)
        loss = next(row.value for row in rows if row.split == "val" and row.name == "loss")
        found.append([n, f"{speed:,.0f}", f"{loss:.6f}"])
    print(f"One training of {name} at {size} px in several processes, {batch} pictures in a batch of all.\n")
    table(["processes", "pictures/s", "validation loss after one epoch"], found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--any-device", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.any_device:
        print("This needs a CUDA GPU. There is none here, so nothing is measured; --any-device shows that it runs.")
        return
    with own_home():
        if torch.cuda.is_available():
            nets = ["resnet50", "vit_base_patch16_224"]
            beside_a_bare_loop(nets, 224, options.batch, options.steps, options.rounds, compiles=True)
            there = torch.cuda.device_count()
            counts = [n for n in (1, 2, 4, 8) if n <= there]
            if there < 2:
                print("One GPU is here; a training on several is measured where there are two.")
                return
            for name in nets:
                on_several(name, 224, options.batch, counts, "cuda")
        else:
            beside_a_bare_loop(["test_resnet", "test_vit"], 32, 32, options.steps, options.rounds, compiles=False)
            on_several("resnet10t", 64, 64, [1, 2], "cpu")


if __name__ == "__main__":
    main()
