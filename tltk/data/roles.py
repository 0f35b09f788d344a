"""Which column of a table is what, by the names that such columns usually have; and the parts that one of them says."""

from __future__ import annotations

from collections.abc import Sequence

from tltk.data.layout import part_of
from tltk.data.names import escape_name
from tltk.data.parts import FREE, TRAIN
from tltk.data.tables import plain_word
from tltk.errors import DataProblem

SPLITS = ("split", "set", "subset", "part", "partition")


def find_column(names: Sequence[str], known: Sequence[str]) -> str:
    """The column with the first of these names; "" where there is none.

    Args:
        names: Of the columns.
        known: Names as `plain_word` has them, the most telling first.
    """
    by_word = {plain_word(name): name for name in reversed(names)}
    return next((by_word[word] for word in known if word in by_word), "")


def parts_of_rows(cells: Sequence[str], column: str, what: str) -> list[int]:
    """The part that each row comes in; all are free where nothing says so.

    Args:
        cells: Of the column.
        column: Its name; "" = there is none.
        what: The domain as error sentences name it.

    Raises:
        DataProblem: Some rows say a part, and others do not.
    """
    found = [part_of(cell) for cell in cells]
    if not column or all(part is None for part in found):
        return [FREE] * len(cells)
    if any(part is None for part in found):
        odd = next(cell for cell, part in zip(cells, found, strict=True) if part is None)
        raise DataProblem(
            f"The column {escape_name(column)} of {what} must say train, val or test in each row. It says {odd!r}; "
            f"mend it, or name another column with ?split=COLUMN."
        )
    return [TRAIN if part is None else part for part in found]
