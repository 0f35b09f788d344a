"""Cells of a table as numbers, in the notations that people write: 3.5 and 3,5, 1,000 and 1.000,5 and 1 000.

Not a domain. `sources.table` reads tables to learn from with it, `known_columns` those to predict.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tltk.data.names import escape_name

MISSING = frozenset(("", "na", "n/a", "nan", "null", "?", "-", "."))  # what stands in a cell where nothing is known
LARGEST = 1e30  # networks compute in float32, which ends at 3e38: differences and sums must stay below it
THOUSANDS_MARK, DECIMAL_MARK = "a mark of thousands", "a decimal comma"


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
        pattern: What a whole cell looks like, in small letters.
        marks: Characters that divide thousands; a comma that is none of them is a decimal one.
    """

    pattern: str
    marks: str = ""

    def fits(self, cell: str) -> bool:
        """Whether a cell is so written."""
        return re.fullmatch(self.pattern, cell) is not None

    def value(self, cell: str) -> float:
        """The number of a cell that fits; infinite where it is beyond what a float holds."""
        return float(cell.translate(str.maketrans(",", ".", self.marks)))


PLAIN = Notation(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf(inity)?")
THOUSANDS = Notation(r"[-+]?(\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d*)?", ",")
DECIMAL_COMMA = Notation(r"[-+]?\d+(,\d+)?(e[-+]?\d+)?")
CONTINENTAL = Notation(r"[-+]?(\d+|[1-9]\d{0,2}([.'’ \xa0\u202f]\d{3})+)(,\d+)?", ".'’ \xa0\u202f")


def notations(delimiter: str) -> tuple[Notation, ...]:
    """All of them, the likeliest first.

    Where a comma may mark thousands or decimals, as in 1,500, the file decides: whoever writes decimals with a comma
    divides cells with semicolons.

    Args:
        delimiter: What divides the cells of a file.
    """
    commas = (DECIMAL_COMMA, THOUSANDS) if delimiter == ";" else (THOUSANDS, DECIMAL_COMMA)
    return PLAIN, *commas, CONTINENTAL


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of cells as numbers.

    Attributes:
        values: (n,) NaN where one is missing, no number, or beyond ±`LARGEST`.
        n_odd: How many cells are no number and not missing either.
        n_beyond: How many are beyond.
        comma: What a comma was taken for, where cells allow both: "a mark of thousands" or "a decimal comma"; else "".
    """

    values: NDArray[np.float64]
    n_odd: int
    n_beyond: int
    comma: str

    def notes(self, column: str) -> list[str]:
        """What must be said of the reading; none where it is plain.

        Args:
            column: Its name.
        """
        shown, found = escape_name(column), list[str]()
        if self.comma:
            other = (
                "points for decimals, or semicolons between cells, leave no doubt"
                if self.comma == THOUSANDS_MARK
                else "thousands without a mark leave no doubt"
            )
            found.append(f"{shown}: the comma in its numbers is read as {self.comma}; {other}.")
        if self.n_beyond:
            found.append(
                f"{shown}: {self.n_beyond:,} of {len(self.values):,} numbers are infinite or beyond {LARGEST:g}, more "
                f"than a network computes with, and are read as missing; divide the column by a constant, or take its "
                f"logarithm."
            )
        return found


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a point for decimals, if any."""
    return PLAIN.fits(cell.strip().casefold())


def read_numbers(said: Sequence[str], delimiter: str = ",") -> Numbers:
    """Cells as numbers, all in the notation that fits most of them.

    Args:
        said: The cells of a column.
        delimiter: What divides the cells of the file.
    """
    cells = [cell.strip().casefold() for cell in said]
    known = [cell for cell in cells if cell not in MISSING]
    notation, comma = PLAIN, ""
    if not all(map(PLAIN.fits, known)):
        fits = {one: sum(map(one.fits, known)) for one in notations(delimiter)}
        notation = max(fits, key=lambda one: fits[one])
        if fits[notation] == fits[THOUSANDS] == fits[DECIMAL_COMMA] and any("," in c for c in known):
            comma = {THOUSANDS: THOUSANDS_MARK, DECIMAL_COMMA: DECIMAL_MARK}.get(notation, "")
    values, n_odd, n_beyond = np.full(len(cells), np.nan), 0, 0
    for at, cell in enumerate(cells):
        if cell in MISSING:
            continue
        if not notation.fits(cell):
            n_odd += 1
        elif abs(number := notation.value(cell)) > LARGEST:
            n_beyond += 1
        else:
            values[at] = number
    return Numbers(values, n_odd, n_beyond, comma)
