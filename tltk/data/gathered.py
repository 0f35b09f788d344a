"""Pictures that come one by one from a library, put into a folder for as long as they are decoded.

So they are read, refused and recognised as files of the user's are, whichever library brought them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from tltk import home
from tltk.data.account import Account
from tltk.data.domain import check_classes
from tltk.data.layout import Layout, Picture
from tltk.data.names import escape_name
from tltk.data.parts import FREE
from tltk.results.account import Branch


@dataclass
class Gathered:
    """Pictures with class and part, on the way to a layout.

    Attributes:
        root: The folder that they are put into.
        pictures: What was put there.
        columns: What is known of each beside that.
        skipped: What was left out, each with the reason.
        there: Pictures of each class.
        named: Names that are taken.
    """

    root: Path
    pictures: list[Picture] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    there: Counter[str] = field(default_factory=Counter)
    named: set[str] = field(default_factory=set)

    def add(
        self, content: bytes | Path | Image.Image, name: str, label: str, part: int, more: dict[str, str] | None = None
    ) -> None:
        """Take in one picture.

        Args:
            content: Bytes of a file, the file, or pixels.
            name: By which it is told to the user; where it is taken, its place is added.
            label: Name of its class.
            part: As in `Domain.given`.
            more: Column → what is known of it; the same columns for all.
        """
        path = self.root / f"{len(self.pictures):08d}{PurePosixPath(name).suffix[:8]}"
        name = f"{name} ({len(self.pictures)})" if name in self.named else name
        self.named.add(name)
        if isinstance(content, Image.Image):
            path = path.with_suffix(".png")
            content.save(path, compress_level=1)
        elif isinstance(content, Path):
            path = content
        else:
            path.write_bytes(content)
        self.pictures.append(Picture(path, escape_name(name), escape_name(label), part))
        self.there[escape_name(label)] += 1
        for column, value in (more or {}).items():
            self.columns.setdefault(column, []).append(escape_name(value))

    def layout(self, what: str, classes: Sequence[str], notes: Sequence[str] = (), group: str = "") -> Layout:
        """All of them, as a tree of folders would give them.

        Args:
            what: The domain as error sentences name it.
            classes: Names in their order; those without a picture are left out.
            notes: What should be said of the reading.
            group: The column whose pictures belong together; "" = none.

        Raises:
            DataProblem: No pictures, one class, or a part without one of the classes.
        """
        names = [name for name in map(escape_name, classes) if self.there[name]]
        number = {name: i for i, name in enumerate(names)}
        labels = np.array([number[p.label] for p in self.pictures], np.int64)
        given = np.array([p.part for p in self.pictures], np.int8)
        check_classes(what, labels, tuple(names), None if (given == FREE).all() else given)
        tree = (Branch(what, "classes", len(names), len(self.pictures)),)
        columns = {name: tuple(values) for name, values in self.columns.items()}
        account = Account(tree, tuple(notes))
        return Layout(
            tuple(self.pictures), tuple(names), tuple(self.skipped), account, dict(self.there), {}, columns, group
        )


@contextmanager
def gathering() -> Iterator[Gathered]:
    """A folder for pictures, removed in the end."""
    # The name ends in .tmp, so that what a killed process leaves behind is removed later.
    with tempfile.TemporaryDirectory(dir=home.folder("domains"), suffix=".tmp") as scratch:
        yield Gathered(Path(scratch).resolve())
