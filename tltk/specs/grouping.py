"""What `group_by` of a domain says: which pictures belong together, so that they go to one part of a division."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from tltk.errors import BadSpec, abbreviate

FOLDER, COLUMN, NAME = "folder", "column", "name"
FORMS = "folder, folder:2, column:NAME or name:PATTERN"
MOST_LEVELS = 50
MAX_PATTERN_CHARS = 500


@dataclass(frozen=True)
class Grouping:
    """A way to tell which pictures belong together.

    Attributes:
        kind: folder, column or name.
        level: Of a folder, counted from the file: 1 = the one that holds it.
        column: Name of a table's column.
        pattern: A regular expression with one group, searched in the path of the file.
    """

    kind: str
    level: int = 1
    column: str = ""
    pattern: str = ""

    def of_path(self, name: str) -> str:
        """The group that a file's path tells; "" = none.

        Args:
            name: Path below the folder or table that was named, with `/`.

        Example:
            >>> parse("folder").of_path("cat/p12/3.jpg"), parse("name:/(p[0-9]+)_").of_path("cat/p12_3.jpg")
            ('p12', 'p12')
        """
        if self.kind == NAME:
            found = re.search(self.pattern, name)
            return (found[1] or "") if found else ""
        folders = PurePosixPath(name).parts[:-1]
        return folders[-self.level] if len(folders) >= self.level else ""


@cache
def parse(text: str) -> Grouping:
    """The grouping that a text means.

    Raises:
        BadSpec: It means none.
    """
    kind, colon, rest = text.partition(":")
    if kind == FOLDER and (not colon or (rest.isdecimal() and 1 <= int(rest) <= MOST_LEVELS)):
        return Grouping(FOLDER, level=int(rest or 1))
    if kind == COLUMN and rest.strip():
        return Grouping(COLUMN, column=rest.strip())
    if kind == NAME and rest and len(rest) <= MAX_PATTERN_CHARS:
        try:
            found = re.compile(rest)
        except (re.error, OverflowError, RecursionError) as fault:
            raise BadSpec(
                f"group_by name:PATTERN must hold a regular expression. {abbreviate(rest)} is none: {fault}."
            ) from None
        if found.groups != 1:
            raise BadSpec(
                f"The pattern of group_by must have one group in parentheses, as in name:^([A-Z]+[0-9]+)_. "
                f"{abbreviate(rest)} has {found.groups}; write (?:…) for the others."
            )
        return Grouping(NAME, pattern=rest)
    raise BadSpec(f"group_by must be {FORMS}. Got {abbreviate(text)}.")
