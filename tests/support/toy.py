"""A network of two layers in float64 whose derivatives can be written down, and what a term sees of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tltk.nn.head import Classifier
from tltk.terms.term import Side, Start, Step

WIDTH, N_IN, OLD_CLASSES, CLASSES = 4, 5, 3, 2


class Toy(nn.Module):
    """f = tanh(W x), and a new head on f."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.shape = (1, 1, 1)
        self.backbone = nn.Linear(N_IN, WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, CLASSES)
        self.depth = 1
        self.layer_of = {"backbone.weight": 0, "head.weight": 1, "head.bias": 1}
        self.double()
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(draw(*p.shape, seed=seed + p.numel()))

    def side(self, x: Tensor, labels: Tensor | None = None, positions: Tensor | None = None) -> Side:
        """A batch as it passes through."""
        features = torch.tanh(self.backbone(x))
        positions = torch.arange(len(x)) if positions is None else positions
        return Side(features, self.head(features), labels, positions, {0: features})


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classifier() -> Classifier:
    """The old one."""
    return Classifier(draw(OLD_CLASSES, WIDTH, seed=21), draw(OLD_CLASSES, seed=22), ("a", "b", "c"))


def start(net: Toy, x: Tensor, labels: Tensor | None = None, **given: Any) -> Start:
    """What a term sees before the first step; both domains hold the same pictures."""

    def batches(_domain: str, size: int, /, most: int = 0) -> Iterator[Side]:
        for positions in torch.split(torch.arange(len(x))[: most or None], size):
            yield net.side(x[positions], None if labels is None else labels[positions], positions)

    made = Start(net, CLASSES, len(x), 0, classifier(), batches)  # type: ignore[arg-type]
    return dataclasses.replace(made, **given)


def step(net: Toy, target: Side, **given: Any) -> Step:
    """What a term sees of a step."""
    made = Step(target, None, net, {}, 0.0, None, classifier=classifier())  # type: ignore[arg-type]
    return dataclasses.replace(made, **given)
