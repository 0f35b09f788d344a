"""Rows read by the columns that a network knows: what a table of one row, or one without labels, can say of them.

`tltk.data.sources.table` finds out from a table itself which columns hold numbers and which words. Of a few rows it
cannot: a word that comes once is no word of theirs. A network that was trained knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tltk.data.names import escape_name, normalise_name
from tltk.data.numbers import MISSING as EMPTY
from tltk.data.numbers import read_numbers
from tltk.data.rows import IS, MISSING, Floats, code
from tltk.data.sources.table import OTHER
from tltk.errors import DataProblem, abbreviate


@dataclass(frozen=True, eq=False)
class Read:
    """Rows as a network reads them.

    Attributes:
        names: Its columns.
        values: (n, columns); NaN = missing.
        notes: What there is to say of the columns.
    """

    names: tuple[str, ...]
    values: Floats
    notes: tuple[str, ...]


def read_as(cells: Mapping[str, Sequence[str]], names: Sequence[str], what: str, delimiter: str = ",") -> Read:
    """The columns that a network knows, out of those of a table.

    `age` is a number; `age is missing` is 1 where it is not there; `colour = red` is 1 where the word is red, and
    `colour = other` where it is none of those that the network knows. A column that is not there is missing, which a
    network reads as its mean.

    Args:
        cells: Name of each column of the table → its cells as text.
        names: Of the network's columns.
        what: The table as sentences name it.
        delimiter: What divides its cells.

    Raises:
        DataProblem: None of the network's columns is there.
    """
    theirs = {code(escape_name(name)): name for name in cells}
    numeric = {code(name) for name in names}
    n = len(next(iter(cells.values()), ()))
    words: dict[str, set[str]] = {}
    meant = [_meant(name, theirs) for name in names]
    for column, word in meant:
        if word is not None and column is not None:
            words.setdefault(column, set()).add(_plain(word))
    values, lacking, odd = np.full((n, len(names)), np.nan), list[str](), dict[str, int]()
    doubts: list[str] = []
    for j, (name, (column, word)) in enumerate(zip(names, meant, strict=True)):
        if column is None:
            base = name.removesuffix(MISSING).partition(IS)[0]
            lacking += [base] if base not in lacking else []
            continue
        said = cells[column]
        if word is not None:
            values[:, j] = [_says(cell, word, words[column]) for cell in said]
        elif code(name) == code(escape_name(column)):
            read = read_numbers(said, delimiter)
            values[:, j] = read.values
            odd |= {column: read.n_odd} if read.n_odd else {}
            doubts += read.notes(column)
        elif code(escape_name(column)) in numeric:  # what is no number is missing, too
            values[:, j] = np.isnan(read_numbers(said, delimiter).values)
        else:
            values[:, j] = [_is_empty(cell) for cell in said]
    if all(column is None for column, _ in meant):
        raise DataProblem(
            f"Rows must have columns that the network knows by name, such as {abbreviate(', '.join(lacking))}. {what} "
            f"has {abbreviate(', '.join(map(escape_name, cells)))}; name the columns as those of the training."
        )
    notes = []
    if lacking:
        notes.append(f"Not in {what}, and read as its mean in the training: {abbreviate(', '.join(lacking))}.")
    for column, wrong in odd.items():
        notes.append(f"{escape_name(column)}: {wrong:,} of {n:,} cells are no numbers, and are read as missing.")
    return Read(tuple(names), values, (*notes, *doubts))


def columns_read(columns: Iterable[str], names: Sequence[str]) -> set[str]:
    """The columns of a table that a network reads something of.

    Args:
        columns: Of the table.
        names: Of the network's columns.
    """
    theirs = {code(escape_name(name)): name for name in columns}
    return {column for column, _ in (_meant(name, theirs) for name in names) if column is not None}


def _meant(name: str, theirs: Mapping[int, str]) -> tuple[str | None, str | None]:
    """The table's column that a network's column is made of, and the word that it looks for; None = there is none."""
    if (own := theirs.get(code(name))) is not None:
        return own, None
    if name.endswith(MISSING) and (own := theirs.get(code(name.removesuffix(MISSING)))) is not None:
        return own, None
    parts = name.split(IS)
    for at in range(1, len(parts)):  # a column's own name may hold the mark
        if (own := theirs.get(code(IS.join(parts[:at])))) is not None:
            return own, IS.join(parts[at:])
    return None, None


def _says(cell: str, word: str, known: set[str]) -> bool:
    if _is_empty(cell):
        return False
    said, word = _plain(escape_name(normalise_name(cell))), _plain(word)
    return said == word or (word == OTHER and said not in known)


def _is_empty(cell: str) -> bool:
    return cell.casefold() in EMPTY


def _plain(word: str) -> str:
    """As names of columns are compared: capitals and blanks do not count."""
    return " ".join(word.casefold().split())
