"""A bare PyTorch loop against ours at 0% frozen: same tensors, same network, same optimiser, in turns."""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from tests.benchmarks.rounds import Epochs, own_home, pictures, table, transfer
from tltk.training.bank import FeatureBank
from tltk.weights.load import build_net

NETS = (("test_resnet", 32), ("resnet10t", 32), ("vit_tiny_patch16_224", 96))


class Bare:
    """What one would write by hand: pictures as one uint8 tensor, normalised per batch."""

    def __init__(self, ours: Epochs) -> None:
        made = ours.training
        spec = made.spec
        size = made.domain.images.shape[-1]
        net = build_net(spec.net, len(made.domain.classes), size, 3, 0)
        self.net = net.to(made.device).to(memory_format=torch.channels_last)
        self.x = torch.from_numpy(made.domain.images[made.split.train]).to(made.device)
        self.y = made.labels[made.split.train].to(made.device)
        decays, others = (
            [p for p in self.net.parameters() if p.ndim > 1],
            [p for p in self.net.parameters() if p.ndim < 2],
        )
        groups = [{"params": decays, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=spec.optim.lr, fused=True)
        self.batch, self.autocast = spec.optim.batch_size, made.autocast
        self.seconds: list[float] = []

    def epoch(self) -> None:
        start = time.perf_counter()
        self.net.train()
        total = 0.0
        for at in torch.randperm(len(self.x)).split(self.batch):
            with self.autocast:
                x = (self.x[at].float() / 255 - self.net.mean) / self.net.std
                loss = F.cross_entropy(self.net(x.contiguous(memory_format=torch.channels_last))[1], self.y[at])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach())
        self.seconds.append(time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--net", choices=[n for n, _ in NETS])
    options = parser.parse_args()
    found: list[list[object]] = []
    with own_home():
        for backbone, size in NETS:
            if options.net not in (None, backbone):
                continue
            data, domain = pictures(options.pictures, size)
            ours = Epochs(transfer(data, backbone, 0, epochs=options.rounds + 1), domain, FeatureBank(), bare=True)
            bare = Bare(ours)
            for i in range(options.rounds + 1):
                for arm in (bare, ours) if i % 2 else (ours, bare):
                    arm.epoch()
            a, b = bare.seconds[1:], ours.seconds[1:]  # the first warms up
            quick = min(b) / min(a) - 1
            middle = statistics.median(y / x for x, y in zip(a, b, strict=True)) - 1
            found.append(
                [
                    f"{backbone}, {size}",
                    f"{statistics.median(a):.3f}",
                    f"{statistics.median(b):.3f}",
                    f"{middle:+.1%}",
                    f"{quick:+.1%}",
                ]
            )
    print(f"Seconds per epoch of {options.pictures:,} pictures, batch 64, AdamW; ours with rows, audit and rates.\n")
    table(["network, px", "bare, s", "ours, s", "overhead (median of pairs)", "overhead (quickest)"], found)


if __name__ == "__main__":
    main()
