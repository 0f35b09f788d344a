"""What became of the files of a domain: its parts, the folders as they were understood, what was left out."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a domain: how many pictures, where they come from in a few words, and of how many groups they are.

    Where nothing says which pictures belong together, `groups` is 0 and not written.
    """

    n: int
    origin: str = msgspec.field(name="from")
    groups: int = 0


class Groups(msgspec.Struct, frozen=True):
    """Pictures that belong together, as those of one patient do.

    Attributes:
        by: How they are told: folder, folder:LEVEL, column:NAME or name:PATTERN.
        n: How many groups.
        largest: Pictures of the largest.
        largest_name: Its name.
        across: Groups with pictures in more than one part: the parts came with the data, and were kept.
    """

    by: str
    n: int
    largest: int
    largest_name: str
    across: int


class Branch(msgspec.Struct, frozen=True):
    """One folder as it was understood.

    Attributes:
        folder: Its path below the folder or archive that was named; . = that itself.
        role: classes (of an undivided tree), train, val, test, or left out.
        classes: Class folders in it that are used.
        pictures: Pictures in it, before any are decoded.
    """

    folder: str
    role: str
    classes: int
    pictures: int


class LeftOut(msgspec.Struct, frozen=True):
    """The files that were not read.

    Attributes:
        n: How many; a folder that was passed over counts once.
        first: Name and reason of the first few.
    """

    n: int = 0
    first: list[tuple[str, str]] = []
