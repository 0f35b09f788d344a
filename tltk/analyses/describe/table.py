"""The layers of a network as text."""

from __future__ import annotations

from collections.abc import Iterator

from tltk.analyses.describe.result import DescribeResult


def lines(found: DescribeResult) -> Iterator[str]:
    """The lines that the shell prints."""
    yield "boundary  layer                          parameters        learn       MFLOPs  output"
    for layer in found.layers:
        shape = " × ".join(str(s) for s in layer.shape)
        mflops = "unknown" if layer.flops is None else f"{layer.flops / 1e6:.2f}"
        yield f"{layer.index:8}  {layer.name:28} {layer.parameters:12,} {layer.n_learnable:12,} {mflops:>12}  {shape}"
