"""Rows of tables: eight bytes for each column as uint8 arrays (1, 8, size), zeros behind them. No torch at import.

A column's first four bytes are a hash of its name, the other four its number in this row as float32, NaN where it is
missing. So a row says by itself which number is which: any network reads any table, and takes what it knows by name.
A column of words has become one column for each word, `colour = red`, which is 1 or 0; and beside a column of numbers
that lacks some there is one, `age is missing`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tltk.data.identity import Origins
from tltk.data.modality import stored
from tltk.data.texts import MAX_SHOWN_CHARS, shorten, tile
from tltk.errors import DataProblem

if TYPE_CHECKING:
    from torch import Generator, Tensor, device

    from tltk.data.domain import Domain
    from tltk.specs.parts import ViewSpec

KIND = "table"
CELL_BYTES = 8  # of a column in a row: four of its name's hash, four of its number
IS, MISSING = " = ", " is missing"  # in names of columns that were made of others

Floats = NDArray[np.float64]


def code(name: str) -> int:
    """The hash of a column's name, 1 … 2³¹ − 1; capitals and blanks around it do not count."""
    mark = hashlib.blake2b(" ".join(name.casefold().split()).encode(), digest_size=4).digest()
    return (int.from_bytes(mark, "little") & 0x7FFFFFFF) or 1


def base_code(name: str) -> int:
    """Of a column that says whether something is so, the hash of the column that it says it of; else 0.

    Example:
        >>> base_code("colour = red") == base_code("colour is missing") == code("colour"), base_code("age")
        (True, 0)
    """
    base = name.removesuffix(MISSING) if name.endswith(MISSING) else name.partition(IS)[0]
    return code(base) if base != name else 0


def encode(names: Sequence[str], values: Floats, size: int, what: str) -> NDArray[np.uint8]:
    """Rows as (n, 1, 8, size) uint8.

    Args:
        names: Of the columns.
        values: (n, columns); NaN = missing.
        size: As `DataSpec.size`: columns that there is room for.
        what: The domain as error sentences name it.

    Raises:
        DataProblem: There are more columns, or two have names that cannot be told apart.
    """
    if len(names) > size:
        raise DataProblem(
            f"A row must have room for every column. {what} has {len(names)}, columns of words counted once for each "
            f"word, and the size is {size}; set the size to {len(names)} or more, or leave columns out."
        )
    codes = [code(name) for name in names]
    if len(set(codes)) < len(codes):
        twice = next(name for i, name in enumerate(names) if codes[i] in codes[:i])
        raise DataProblem(f"Columns of {what} must have unlike names. {twice} is like another's; rename it.")
    rows = np.zeros((len(values), size, CELL_BYTES), np.uint8)
    rows[:, : len(names), :4] = np.array(codes, "<u4").view(np.uint8).reshape(-1, 4)
    rows[:, : len(names), 4:] = np.ascontiguousarray(values, "<f4")[..., None].view(np.uint8)
    return np.ascontiguousarray(rows.transpose(0, 2, 1)[:, None])


def decode(rows: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Codes and numbers of (n, 1, 8, size) bytes, (n, size) each; code 0 = no column.

    Args:
        rows: As `encode` gives them.
    """
    cells = np.ascontiguousarray(rows[:, 0].transpose(0, 2, 1))
    codes, values = (np.ascontiguousarray(part) for part in (cells[..., :4], cells[..., 4:]))
    return codes.view("<u4")[..., 0].astype(np.int64), values.view("<f4")[..., 0].astype(np.float32)


def origins(names: Sequence[str], values: Floats) -> Origins:
    """(n,) equal for rows that say the same, in whichever order the columns come.

    Args:
        names: Of the columns.
        values: (n, columns).
    """
    codes = np.array([code(name) for name in names], np.int64)
    order = np.argsort(codes)
    plain = np.ascontiguousarray(values[:, order] + 0.0, np.float32)  # −0 is 0
    plain[np.isnan(plain)] = np.nan  # there is one kind of missing
    head = codes[order].tobytes()
    marks = (hashlib.blake2b(head + row.tobytes(), digest_size=8).digest() for row in plain)
    return np.fromiter((int.from_bytes(mark, "little") for mark in marks), np.uint64, len(plain))


@dataclass(frozen=True)
class Columns:
    """What a network must know of the columns that it reads, as the rows that it learns from tell it.

    Attributes:
        names: Of the columns.
        mean: Of each over these rows, missing numbers aside; (columns,).
        scale: Standard deviation of each; 0 where all numbers are equal, or none is there.
        missing: Share of these rows that lack each.
    """

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    missing: Floats

    @property
    def codes(self) -> list[int]:
        """The hashes of their names."""
        return [code(name) for name in self.names]


def standardisation(names: Sequence[str], parts: Iterable[NDArray[np.uint8]]) -> Columns:
    """Mean and standard deviation of these columns over some rows: x is read as (x − mean) / scale.

    Args:
        names: Columns; those that the rows do not have get a scale of 0.
        parts: Rows as `encode` gives them, of one table or of several, matched by name.
    """
    found: list[list[NDArray[np.float64]]] = [[] for _ in names]
    n = 0
    for rows in parts:
        codes, values = decode(np.asarray(rows))
        n += len(rows)
        where = {c: j for j, c in enumerate(codes[0].tolist())} if len(rows) else {}
        for i, name in enumerate(names):
            if (j := where.get(code(name))) is not None:
                column = values[:, j].astype(np.float64)
                found[i].append(column[np.isfinite(column)])
    told = [np.concatenate(column) if column else np.empty(0) for column in found]
    mean = np.array([column.mean() if len(column) else 0.0 for column in told])
    scale = np.array([column.std() if len(column) and np.ptp(column) > 0 else 0.0 for column in told])
    return Columns(tuple(names), mean, scale, np.array([1 - len(column) / max(n, 1) for column in told]))


def sentence(domain: Domain, at: int, most: int = MAX_SHOWN_CHARS) -> str:
    """What a row says: each column and its value, on one line, cut where it is long.

    Args:
        domain: Of rows.
        at: Position.
        most: Characters at most.
    """
    return in_words(domain.columns, decode(domain.images[at : at + 1])[1][0].tolist(), most)


def in_words(names: Sequence[str], values: Sequence[float], most: int = MAX_SHOWN_CHARS) -> str:
    """Columns and their values, on one line, cut where it is long; what is missing, and words that are not it, are not.

    Args:
        names: Of the columns.
        values: As many, or more, which are not told.
        most: Characters at most.
    """
    told = []
    for name, value in zip(names, values, strict=False):
        if IS in name or name.endswith(MISSING):
            told += [name.replace(IS, " ")] if value == 1 else []
        elif not math.isnan(value):
            told.append(f"{name} {value:.6g}")
    return shorten(" · ".join(told), most)


class Rows:
    """The modality of rows."""

    def tensors(self, domain: Domain, index: Tensor | np.ndarray, device: device) -> Tensor:
        """Bytes at these positions, uint8 (n, 1, 8, size), on the device.

        Args:
            domain: Whose rows.
            index: Positions, (n,).
            device: Where to.
        """
        return stored(domain, index, device)

    def augment(self, examples: Tensor, view: ViewSpec, generator: Generator) -> Tensor:
        """Bytes over 255, (n, 1, 8, size), which a network of rows multiplies by 255 again; rows are not augmented.

        Args:
            examples: uint8 (n, 1, 8, size).
            view: None.
            generator: Draws nothing.
        """
        return examples.float() / 255

    def order(self, domain: Domain, index: np.ndarray) -> None:
        """Rows are all of one length.

        Args:
            domain: Whose rows.
            index: Positions, (n,).
        """

    def shape(self, domain: Domain) -> tuple[int, ...]:
        """One channel, eight bytes, size."""
        _, channels, height, width = domain.images.shape
        return channels, height, width

    def thumbnail(self, domain: Domain, at: int, largest_px: int) -> Image.Image:
        """The first columns of the row, written on a square.

        Args:
            domain: Whose row.
            at: Its position.
            largest_px: Its side, in pixels.
        """
        return tile(sentence(domain, at), largest_px)

    def sentence(self, domain: Domain, at: int, most: int = MAX_SHOWN_CHARS) -> str:
        """What a row says; see `sentence`.

        Args:
            domain: Whose row.
            at: Its position.
            most: Characters at most.
        """
        return sentence(domain, at, most)


ROWS = Rows()
