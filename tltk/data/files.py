"""What is known of the file of each picture: its name, the columns of a table, and the group that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tltk.data.attributes import Attribute
from tltk.errors import DataProblem, UnknownName
from tltk.specs import grouping

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a domain's pictures, in their order.

    Attributes:
        names: Path of each below what was named, with `/`; empty where pictures are drawn, or come as arrays.
        columns: What a table says of each beside file, label and part, by column; an empty cell is the value "".
        group: The column whose pictures belong together, as far as the table says so itself; "" = none.
    """

    names: tuple[str, ...] = ()
    columns: Mapping[str, Attribute] = field(default_factory=dict)
    group: str = ""

    def take(self, at: Ints) -> Files:
        """Those of some pictures.

        Args:
            at: Their positions.
        """
        columns = {name: Attribute(one.classes, one.numbers[at]) for name, one in self.columns.items()}
        return Files(tuple(self.names[i] for i in at.tolist()) if self.names else (), columns, self.group)

    def groups(self, by: str, what: str) -> Attribute | None:
        """The group of each picture; None where nothing says which belong together.

        A picture of which nothing is told is a group of its own.

        Args:
            by: As `DataSpec.group_by`; "" = as the table says.
            what: The domain as error sentences name it.

        Raises:
            DataProblem: There are no names or no table, or no picture has a group.
            UnknownName: The table has no such column.
        """
        found = groups_of(self.names, {name: one.classes for name, one in self.columns.items()}, by, self.group, what)
        if found is None:
            return None
        if isinstance(found, str):
            column = self.columns[found]
            told = [column.classes[i] for i in column.numbers.tolist()]
        else:
            told = found
        return _numbered(told, self.names)


def column_of(values: Sequence[str]) -> Attribute:
    """A column of a table as numbers, its values sorted.

    Args:
        values: One for each picture.
    """
    classes, numbers = np.unique(np.array(values, object), return_inverse=True)
    return Attribute(tuple(classes.tolist()), numbers.astype(np.int64))


def groups_of(
    names: Sequence[str], columns: Mapping[str, object], by: str, usual: str, what: str
) -> str | list[str] | None:
    """The column that groups are in, or the group that each name tells; None where nothing says which belong together.

    Args:
        names: Paths of the pictures; none where there are no files.
        columns: Those of a table.
        by: As `DataSpec.group_by`.
        usual: The column that the table has for it; "" = none.
        what: The domain as error sentences name it.

    Raises:
        DataProblem: There are no names or no table, or no picture has a group.
        UnknownName: The table has no such column.
    """
    if not by:
        return usual or None
    how = grouping.parse(by)
    if how.kind == grouping.COLUMN:
        if not columns:
            raise DataProblem(
                f"Groups by column are for tables, csv:PATH. {what} has no columns beside file, label and part; group "
                f"by folder or name:PATTERN, or leave group_by out."
            )
        if how.column not in columns:
            raise UnknownName.among(f"A column of {what}", how.column, columns)
        return how.column
    if not names:
        raise DataProblem(
            f"Groups by {by.partition(':')[0]} need files with names. The pictures of {what} have none; leave "
            f"group_by out."
        )
    told = [how.of_path(name) for name in names]
    if not any(told):
        raise DataProblem(
            f"group_by {by!r} must tell the group of some pictures of {what}. It tells none; the first is "
            f"{names[0]!r}. Mend the pattern or the level."
        )
    return told


def _numbered(told: Sequence[str], names: Sequence[str]) -> Attribute:
    """Groups as numbers; a picture without one is its own."""
    own = [group or f"\0{i}" for i, group in enumerate(told)]
    classes, numbers = np.unique(np.array(own, object), return_inverse=True)
    shown = [
        (names[int(one[1:])] if names else f"picture {one[1:]}") if one[0] == "\0" else one for one in classes.tolist()
    ]
    return Attribute(tuple(shown), numbers.astype(np.int64))
