"""Where a batch comes from: pictures, augmented each time, or rows of the feature bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tltk.data.domain import Domain
from tltk.nn.cut import Activations, Cut
from tltk.nn.net import Net
from tltk.specs.parts import ViewSpec
from tltk.training.bank import Features
from tltk.training.growth import shrink
from tltk.training.processes import Processes

Forward = Callable[[Activations], tuple[Tensor, Tensor]]


class BatchSource(Protocol):
    """Batches by position in a split; what comes out is what `forward` takes."""

    def forward(self, crossing: Activations, /) -> tuple[Tensor, Tensor]:
        """(features, logits) of a batch."""

    def rows(self, positions: Tensor, generator: torch.Generator) -> Activations:
        """The batch at these positions, on the device; of several processes each gets its share.

        Args:
            positions: (b,) int64 positions in the split.
            generator: Draws views, or which kept copy is taken.
        """


@dataclass(frozen=True)
class LiveBatches:
    """Pictures, decoded once, augmented on the device each time they are asked for."""

    net: Net
    domain: Domain
    index: np.ndarray
    view: ViewSpec
    device: torch.device
    side: Callable[[], int] | None = None  # in pixels, of pictures that grow; None = as they lie in the domain
    processes: Processes = field(default_factory=Processes)
    passes: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None  # the network's pass; None = as it is

    def rows(self, positions: Tensor, generator: torch.Generator) -> Activations:
        """Normalised pictures, (n, c, h, w).

        Args:
            positions: (b,) int64 positions in the split.
            generator: Draws the views.
        """
        modality = self.domain.modality
        share = self.processes.share(positions)
        # Of several processes each draws the views of the whole batch, so that they are those of a process alone.
        wanted = share if self.view.is_none else positions
        examples = modality.tensors(self.domain, self.index[wanted.numpy()], self.device)
        x = modality.augment(examples, self.view, generator)
        if len(x) > len(share):
            x = x[self.processes.share(torch.arange(len(x))).to(x.device)]
        x = self.net.normalise(x if self.side is None else shrink(x, self.side()))
        return (x.contiguous(memory_format=torch.channels_last),)

    def forward(self, crossing: Activations) -> tuple[Tensor, Tensor]:
        """The whole network; its frozen part asks for no gradient."""
        features, logits = (self.passes or self.net)(crossing[0])
        return features, logits


@dataclass(frozen=True)
class CachedBatches:
    """Rows of the bank. With `cut` at 0 they are augmented pictures, else features at the boundary."""

    cut: Cut
    features: Features
    device: torch.device
    processes: Processes = field(default_factory=Processes)
    n: int = 0  # pictures that all of several processes keep

    def rows(self, positions: Tensor, generator: torch.Generator) -> Activations:
        """What crosses the cut; of several kept views of a picture, one is drawn.

        Args:
            positions: (b,) int64 positions in the split.
            generator: Draws which copy is taken.
        """
        if self.processes.size > 1:
            copies = torch.randint(self.features.copies, positions.shape, generator=generator)
            return self.processes.fetch(self.features, self.n, positions, copies, self.device)
        if self.features.copies > 1:
            copy = torch.randint(self.features.copies, positions.shape, generator=generator)
            positions = positions + copy * self.features.n
        return self.features.rows(positions, self.device)

    def forward(self, crossing: Activations) -> tuple[Tensor, Tensor]:
        """What is left of the network above the cut."""
        return self.cut.suffix(crossing)


def epoch_batches(
    n: int, wanted: int, size: int, generator: torch.Generator, classes: Tensor | None = None
) -> list[Tensor]:
    """Positions of one epoch's batches: each of n pictures once, or repeated up to `wanted` in all.

    A last batch of one picture is left out, since batch statistics of one are not defined; with
    `size` 1 every batch is one.

    Args:
        n: Pictures of the split, at least 1.
        wanted: Pictures of the epoch; fewer than n count as n.
        size: Pictures of a batch; the last may be smaller.
        generator: Decides the order.
        classes: Class of each picture, (n,); with it as many are drawn with replacement, so that every class is as
            likely, and every picture of a class (class-balanced sampling).

    Reference:
        Kang, Xie, Rohrbach, Yan, Gordo, Feng and Kalantidis (2020), Decoupling representation and classifier for
        long-tailed recognition, ICLR, Eq. 1 with q = 0. arXiv:1910.09217.
    """
    wanted = max(wanted, n)
    if classes is not None:
        chances = 1 / classes.bincount()[classes].double()
        order = torch.multinomial(chances, wanted, replacement=True, generator=generator)
        return _in_batches(order, size)
    order = torch.cat([torch.randperm(n, generator=generator) for _ in range(-(-wanted // n))])[:wanted]
    return _in_batches(order, size)


def _in_batches(order: Tensor, size: int) -> list[Tensor]:
    """Positions in batches; a last one of one picture is left out."""
    found = list(torch.split(order, size))
    return found[:-1] if len(found) > 1 and len(found[-1]) < min(size, 2) else found
