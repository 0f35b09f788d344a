"""Formula-made pictures: drawn per second beside trained on per second, in turns on the same threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import timm
import torch

from tests.benchmarks.rounds import own_home, table, timed
from tltk.data.sources import contours, formulas, fractals, leaves, surfaces
from tltk.specs.parts import DataSpec

DOMAINS = {"fractals": fractals, "contours": contours, "surfaces": surfaces, "leaves": leaves, "formulas": formulas}


def trainer(backbone: str, size: int, batch_size: int, steps: int) -> Callable[[], None]:
    """Bare SGD steps on one batch that lies ready: what any loop around them can at best reach."""
    net = timm.create_model(backbone, num_classes=200, pretrained=False).train()
    optim = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x, y = torch.rand(batch_size, 3, size, size), torch.arange(batch_size) % 200

    def train() -> None:
        for _ in range(steps):
            optim.zero_grad()
            torch.autograd.backward(torch.nn.functional.cross_entropy(net(x), y))
            optim.step()

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1024)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--backbone", default="resnet10t")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    n, steps = options.pictures, options.steps
    works: dict[str, tuple[int, Callable[[], object]]] = {
        f"draw {name}": (n, partial(module.load, DataSpec(name, n=n, size=options.size)))
        for name, module in DOMAINS.items()
    }
    train = trainer(options.backbone, options.size, options.batch_size, steps)
    works[f"train {options.backbone}, batch {options.batch_size}"] = steps * options.batch_size, train
    spent: dict[tuple[str, int], list[float]] = {(w, t): [] for w in works for t in options.threads}
    for _ in range(options.rounds + 1):  # the first round warms up
        for work, threads in spent:  # in turns, so that a busy machine disturbs all alike
            torch.set_num_threads(threads)
            spent[work, threads].append(timed(works[work][1]))
    print(f"Pictures of {options.size} px, best of {options.rounds}.\n")
    best = {(w, t): works[w][0] / min(seconds[1:]) for (w, t), seconds in spent.items()}
    head = ["", *(f"{t} thread{'s' * (t > 1)}, pictures/s" for t in options.threads), "times the training"]
    *drawn, trained = works
    table(
        head,
        [
            [
                w,
                *(f"{best[w, t]:,.0f}" for t in options.threads),
                " / ".join(f"{best[w, t] / best[trained, t]:.1f}" for t in options.threads),
            ]
            for w in (*drawn, trained)
        ],
    )


if __name__ == "__main__":
    with own_home():
        main()
