"""Which column of a table is what, by the names that such columns usually have; the classes and parts that they say.

Tables of texts and of rows are read by the same rules, to learn from as to predict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tltk.data.layout import part_of
from tltk.data.names import escape_name, normalise_name
from tltk.data.numbers import MISSING
from tltk.data.parts import FREE, TRAIN
from tltk.data.tables import Table, plain_word
from tltk.errors import DataProblem, abbreviate

LABELS = (  # the most telling first
    *("label", "labels", "class", "classes", "target", "category", "classname", "classlabel", "y", "outcome"),
    *("diagnosis", "dx", "species", "isfraud", "fraud", "default", "churn", "survived", "income", "result"),
    *("sentiment", "polarity", "topic", "stars", "rating"),
)
SPLITS = ("split", "set", "subset", "part", "partition")
UNLABELLED = MISSING - {"-"}  # + and - are two classes, as in tables of reviews, of loans and of mushrooms
WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)(\.0*)?")  # 01 is a code
FEW_VALUES = 20  # different cells of a column that may be classes
FEW_NAMED = 8  # columns that a hint names


def find_column(names: Sequence[str], known: Sequence[str]) -> str:
    """The column with the first of these names; "" where there is none.

    Args:
        names: Of the columns.
        known: Names as `plain_word` has them, the most telling first.
    """
    by_word = {plain_word(name): name for name in reversed(names)}
    return next((by_word[word] for word in known if word in by_word), "")


def other_labels(table: Table, names: Sequence[str], label: str) -> str:
    """A sentence where more columns than the chosen one are called as labels are, and may hold classes; else "".

    Args:
        table: The table.
        names: Its columns that may be meant.
        label: The chosen one.
    """
    found = [name for name in names if name != label and plain_word(name) in LABELS]
    others = [escape_name(name) for name in found if 1 < len(set(table.column(name))) <= FEW_VALUES]
    if not others:
        return ""
    are = "are called as labels are" if len(others) > 1 else "is called as labels are"
    return f"{', '.join(others[:FEW_NAMED])} {are}, too: where the classes are there, name it with ?label=COLUMN."


def refuse_unlabelled(table: Table, free: Sequence[str], what: str) -> DataProblem:
    """That no column of a table is known to hold its labels, and which may.

    Args:
        table: The table.
        free: Its columns that are not something else.
        what: The domain as error sentences name it.
    """
    few = [escape_name(n) for n in free if 1 < len(set(table.column(n))) <= min(FEW_VALUES, len(table.rows) - 1)]
    hint = f" Few values have {', '.join(few[:FEW_NAMED])}." if few else ""
    return DataProblem(
        f"{what} must have a column of labels. Its columns are {abbreviate(', '.join(table.names))}, and none is "
        f"called as labels usually are.{hint} Name it with ?label=COLUMN; if the first line is a row, write one with "
        f"names above it."
    )


def alike_classes(classes: Iterable[str]) -> str:
    """A sentence where classes differ in capitals alone, as Yes and yes; else ""."""
    alike: dict[str, list[str]] = {}
    for name in sorted(classes):
        alike.setdefault(name.casefold(), []).append(name)
    told = [" and ".join(names) for names in alike.values() if len(names) > 1]
    said = f"Classes that differ in capitals alone: {'; '.join(told[:FEW_NAMED])}. If they are one, spell them alike."
    return said if told else ""


def read_labels(cells: Sequence[str]) -> list[str]:
    """The class that each cell tells, as classes are shown; "" = none. 1.0 is 1, as tables of numbers write it.

    Args:
        cells: Of the column of labels, or the ends of lines.

    Example:
        >>> read_labels(["ham", "1.0", "+1", "01", "-", "NA"])
        ['ham', '1', '1', '01', '-', '']
    """
    return [_label(cell.strip()) for cell in cells]


def _label(cell: str) -> str:
    if cell.casefold() in UNLABELLED:
        return ""
    return str(int(cell.partition(".")[0])) if WHOLE.fullmatch(cell) else escape_name(normalise_name(cell))


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
