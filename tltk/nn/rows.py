"""The network that reads rows of tables: its own columns, standardised, then a multilayer perceptron.

The first module picks the columns that the network knows out of a row, by their names; it has no parameters, so the cut
replays what it gives. There are `size` inputs, whatever the table: those without a column are 0.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tltk.data.rows import CELL_BYTES, Columns, base_code, code
from tltk.specs.mlps import MlpDials


class KnownColumns(nn.Module):
    """Bytes of rows → (n, size): (x − mean) / scale of each known column; 0 where it is missing or never varied.

    Args:
        size: Columns that there is room for.
    """

    codes: Tensor
    mean: Tensor
    scale: Tensor
    bases: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        unnamed = [code(f"column {i}") for i in range(size)]  # until a table says what its columns are
        self.register_buffer("codes", torch.tensor(unnamed, dtype=torch.int64))  # hashes of names; 0 = no column
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        # Of each column that says whether something is so: the hash of the column that it says it of; else 0.
        self.register_buffer("bases", torch.zeros(size, dtype=torch.int64), persistent=False)

    def name(self, names: Sequence[str]) -> None:
        """Say what its columns are called, so that what a table does not say of a column that it has is known: 0.

        A table without a red one has no column `colour = red`, and one without gaps none that says `age is missing`.

        Args:
            names: Of the columns, in their order.
        """
        self.bases.zero_()
        if names:
            self.bases[: len(names)] = torch.tensor([base_code(name) for name in names])

    def extra_repr(self) -> str:
        """What tells it from others, also in the key of what is kept of the network."""
        told = b"".join(t.cpu().numpy().tobytes() for t in (self.codes, self.mean, self.scale, self.bases))
        return f"{int((self.codes != 0).sum())} columns of {len(self.codes)}, {hashlib.sha256(told).hexdigest()[:16]}"

    def forward(self, x: Tensor) -> Tensor:
        """The known columns, standardised.

        Args:
            x: Bytes as numbers in 0 … 255, (n, 1, 8, any number of columns).
        """
        if x.is_meta:  # of which costs are counted
            return x.new_empty(len(x), len(self.codes))
        cells = x.detach().float().round().clamp(0, 255).to(torch.uint8)[:, 0].transpose(1, 2).contiguous()
        codes = cells[..., :4].contiguous().view(torch.int32)[..., 0].long()
        values = cells[..., 4:].contiguous().view(torch.float32)[..., 0]
        found = x.new_full((len(x), len(self.codes)), torch.nan, dtype=torch.float32)
        tables, which = torch.unique(codes, dim=0, return_inverse=True)  # a batch may hold rows of two tables
        for number, table in enumerate(tables):
            mine, theirs = ((self.codes[:, None] == table) & (table != 0)).nonzero().unbind(1)
            at = (which == number).nonzero()[:, 0]
            here = torch.zeros_like(self.codes, dtype=torch.bool).index_fill(0, mine, True)
            said = torch.cat([self.codes[here], self.bases[here]])
            found[at[:, None], ((self.bases != 0) & ~here & torch.isin(self.bases, said)).nonzero()[:, 0]] = 0
            found[at[:, None], mine] = values[at[:, None], theirs]
        known = found.isfinite() & (self.scale > 0)
        standard = (found - self.mean) / self.scale.clamp(min=torch.finfo(torch.float32).tiny)
        return torch.where(known, standard, 0.0).to(x.dtype)


class Rectified(nn.Linear):
    """max(0, W x + b)."""

    def forward(self, input: Tensor) -> Tensor:
        """(n, out_features).

        Args:
            input: (n, in_features).
        """
        return super().forward(input).relu()


class RowBackbone(nn.Module):
    """The columns that it knows, then layers max(0, W x + b).

    Attributes:
        example_shape: Of one example: one channel, eight bytes, size.
        pretrained_cfg: Mean and deviation that turn bytes over 255 into bytes.

    Args:
        dials: Layers and width.
        size: As `DataSpec.size`.
    """

    def __init__(self, dials: MlpDials, size: int) -> None:
        super().__init__()
        self.columns = KnownColumns(size)
        widths = [size, *[dials.width] * dials.layers]
        self.layers = nn.ModuleList(Rectified(n_in, n_out) for n_in, n_out in itertools.pairwise(widths))
        self.example_shape = (1, CELL_BYTES, size)
        self.pretrained_cfg = {"mean": (0.0,), "std": (1 / 255,)}

    @property
    def first(self) -> Rectified:
        """The layer that reads the columns; its weight is (width, size)."""
        layer = self.layers[0]
        assert isinstance(layer, Rectified)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """(n, width).

        Args:
            x: Bytes as numbers in 0 … 255, (n, 1, 8, any number of columns).
        """
        x = self.columns(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Rows of this network's own columns with numbers drawn about their means; without a generator empty ones.

        Args:
            n: How many.
            generator: Draws the numbers.
        """
        size = self.example_shape[2]
        cells = torch.zeros(n, size, CELL_BYTES, dtype=torch.uint8)
        if generator is not None:
            drawn = torch.randn(n, size, generator=generator)
            values = self.columns.mean.cpu() + self.columns.scale.cpu() * drawn
            codes = self.columns.codes.cpu().to(torch.int32)[None, :, None].repeat(n, 1, 1)
            cells = torch.cat([codes.view(torch.uint8), values[..., None].contiguous().view(torch.uint8)], 2)
        return cells.transpose(1, 2)[:, None].float()

    def longest(self, n: int) -> Tensor:
        """Rows, by which costs are counted, (n, 1, 8, size).

        Args:
            n: How many.
        """
        return torch.zeros(n, *self.example_shape)

    @torch.no_grad()
    def set_columns(self, columns: Columns) -> None:
        """Read these columns; the first layer's weights, just drawn, become those of a layer of as many inputs.

        Args:
            columns: At most as many as there is room for.
        """
        n, known = len(columns.names), self.columns
        for buffer in (known.codes, known.mean, known.scale):
            buffer.zero_()
        known.name(columns.names)
        known.codes[:n] = torch.tensor(columns.codes, dtype=torch.int64)
        known.mean[:n] = torch.from_numpy(columns.mean).float()
        known.scale[:n] = torch.from_numpy(columns.scale).float()
        spread = math.sqrt(self.example_shape[2] / max(n, 1))  # torch draws for the number of inputs there is room for
        for drawn in (self.first.weight, self.first.bias):
            drawn.mul_(spread)
