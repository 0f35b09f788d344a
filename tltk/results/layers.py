"""What is known of each layer of a network: its size, and figures over depth."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Layer:
    """One layer of a network at one input size.

    `parameters` and `flops` (multiply and add counted apart, forward pass of one picture) are the
    layer's own; `shape` is its output for one picture; `crossing` is how many numbers per picture
    the layers after it read. `flops` is None where they cannot be counted. `learnable` parameters learn
    where the layer does: all of them, unless an adapter says otherwise; what it adds is among them, and
    not among `parameters`. None, in answers of earlier versions: all.
    """

    index: int
    name: str
    parameters: int
    flops: int | None
    shape: tuple[int, ...]
    crossing: int
    learnable: int | None = None

    @property
    def n_learnable(self) -> int:
        """Parameters that learn where this layer does."""
        return self.parameters if self.learnable is None else self.learnable


class Column(msgspec.Struct, frozen=True):
    """One quantity over depth: a number per layer, and the last for what enters the head.

    `lo`…`hi` is a 95% interval, `null_lo`…`null_hi` what chance gives (95%), `p` and `effect` the
    test against it; `p_holm` and `p_bh` are corrected over all tests of the answer. Each is empty where
    there is none. Unit "%" = shares, 0 … 1.
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
    p_holm: list[float] = []
    p_bh: list[float] = []
    effect: list[float] = []
