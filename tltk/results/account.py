"""What became of the files of a domain: its parts, the folders as they were understood, what was left out."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True):
    """One part of a domain: how many pictures, and where they come from, in a few words."""

    n: int
    origin: str = msgspec.field(name="from")


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
