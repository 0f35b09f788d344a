"""Pictures that a table lists: `csv:PATH`, `csv:PATH?label=species&group=patient`. Licence and source are the user's.

The columns are found by the usual names, or named: file, label, split, group, and `root`, the folder that paths in the
table begin at. Paths do not lead out of that folder; links are followed, as everywhere below a folder of the user's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tltk.data.account import Account, most_telling
from tltk.data.domain import Domain, Progress, argument_path, check_classes
from tltk.data.layout import Layout, Picture, part_of
from tltk.data.names import escape_name, normalise_name
from tltk.data.parts import FREE, TRAIN
from tltk.data.settings import divide_settings, parse_settings, spell_settings
from tltk.data.sources.folder import read_layout
from tltk.data.tables import Table, names_picture, plain_word, read_table
from tltk.data.tree import File
from tltk.errors import DataProblem, UnknownName, abbreviate
from tltk.results.account import Branch
from tltk.specs.parts import DataSpec

SETTINGS = ("file", "label", "split", "group", "root")
MAY_BE_EMPTY = ("split", "group")
FILES = (
    *("file", "files", "filename", "filenames", "filepath", "path", "paths", "relativepath", "image", "images"),
    *("imagefile", "imagefilename", "imagename", "imagepath", "imageid", "img", "imgfile", "imgname", "imgpath"),
    *("imgid", "picture", "pictures", "photo", "src", "isicid", "id"),
)
LABELS = (
    *("label", "labels", "class", "classes", "classname", "classlabel", "classid", "labelname", "labelid", "category"),
    *("target", "diagnosis", "dx", "species", "y"),
)
SPLITS = ("split", "splits", "set", "subset", "part", "partition", "phase", "fold")
GROUPS = tuple(
    f"{word}{ending}"
    for word in (
        "group",
        "patient",
        "subject",
        "person",
        "participant",
        "individual",
        "donor",
        "case",
        "lesion",
        "slide",
    )
    for ending in ("", "id", "no", "number", "name")
)
KNOWN = frozenset((*FILES, *LABELS, *SPLITS, *GROUPS))
ZERO, ONE = ("0", "0.0", "false"), ("1", "1.0", "true")
MAX_COLUMNS = 64  # that are kept beside file, label and part
MOST_NUMBERS = 20  # different numbers with fractions from which on they are measurements, not classes


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are; "" = there is none.

    Attributes:
        file: Of the paths.
        label: Of the classes; "" where there is a column for each class.
        split: Of the parts.
        group: Whose pictures belong together.
        one_hot: The columns of the classes, where there is one for each.
        notes: How they were understood, where that is not plain.
    """

    file: str
    label: str
    split: str
    group: str
    one_hot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Listed:
    """The pictures of a table on the way to a layout."""

    pictures: list[Picture] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    there: Counter[str] = field(default_factory=Counter)
    gone: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Pictures that a table lists, with columns for file and label, perhaps for split and group.

    Args:
        spec: `n` (0 = all), `size` in pixels, `fit` and `seed`; parts and shots are not read here.
        argument: PATH of the table, perhaps with ?label=COLUMN&….
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: No such table, no column of files or of labels, several labels to a picture, parts without one to
            train on, or no pictures.
    """
    path, _ = _locate(argument)
    return read_layout(survey(argument), spec, progress, source=escape_name(str(path)))


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: No path, or a setting without a value.
        UnknownName: A setting that there is not.
    """
    return spell_settings("csv", *divide(argument), SETTINGS)


def source_version(argument: str) -> str:
    """Changes when the table or a picture that it lists comes, goes, grows or is written, or is read otherwise.

    Raises:
        DataProblem: As for `load`, so far as the table tells.
    """
    path, _ = _locate(argument)
    status = path.stat()
    mark = hashlib.sha256(f"{check(argument)}|{status.st_size}|{status.st_mtime_ns}".encode(errors="surrogateescape"))
    for picture in survey(argument).pictures:
        assert picture.path is not None
        state = picture.path.stat()
        mark.update(os.fsencode(f"{picture.name}\0{state.st_size}\0{state.st_mtime_ns}\n"))
    return mark.hexdigest()


def survey(argument: str, group_by: str = "") -> Layout:
    """How the table is understood, without a picture being read.

    Args:
        argument: PATH of the table, perhaps with settings.
        group_by: As `DataSpec.group_by`; it changes nothing of the reading.

    Raises:
        DataProblem: As for `load`, so far as the table and the names of files tell.
    """
    path, settings = _locate(argument)
    what = f"csv:{escape_name(argument)}"
    try:
        table = read_table(path, KNOWN)
        columns = _columns(table, settings, what)
        found = _list(table, columns, _Place.of(_root(path, settings), path.parent), what)
    except OSError as fault:
        raise DataProblem(
            f"{escape_name(str(fault.filename or path))} must be readable. It is not: {fault.strerror or fault}. "
            f"Check its permissions."
        ) from None
    return _layout(table, columns, found, path, what)


def divide(argument: str) -> tuple[str, dict[str, str]]:
    """Path and settings; a path that exists as it stands has none.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.
    """
    return divide_settings("csv", argument, SETTINGS, MAY_BE_EMPTY)


def divide_text(argument: str) -> tuple[str, dict[str, str]]:
    """Path and settings, without a look at the disk.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.
    """
    return parse_settings("csv", argument, SETTINGS, MAY_BE_EMPTY)


def _locate(argument: str) -> tuple[Path, dict[str, str]]:
    text, settings = divide(argument)
    path = argument_path(text)
    if not path.is_file():
        what = "a folder: write folder:PATH" if path.is_dir() else "nothing there; check the path"
        raise DataProblem(f"csv:PATH must name a table. {escape_name(str(path))} is {what}.")
    return path, settings


def _root(path: Path, settings: dict[str, str]) -> Path:
    """The folder that paths in the table begin at."""
    root = path.parent / Path(settings.get("root", ".")).expanduser()
    if not root.is_dir():
        raise DataProblem(f"root of csv:PATH must be a folder. There is none at {escape_name(str(root))}; check it.")
    return Path(os.path.normpath(root))


# -- columns ---------------------------------------------------------------------------------------------


def _columns(table: Table, settings: dict[str, str], what: str) -> _Columns:
    """Which column is what: as it was named, else by the usual names.

    Raises:
        DataProblem: No file or no label can be told, or a picture has several labels.
        UnknownName: A column was named that there is not.
    """
    for role in ("file", "label", "split", "group"):
        if settings.get(role) and settings[role] not in table.names:
            raise UnknownName.among(f"A column of {what}", settings[role], table.names)
    file = settings.get("file") or _file_column(table, what)
    rest = [name for name in table.names if name != file]
    label, one_hot, notes = settings.get("label", ""), tuple[str, ...](), list[str]()
    if not label:
        label, one_hot = _label_column(table, rest, what)
    if label:
        _refuse_lists(table.column(label), label, what)
    rest = [name for name in rest if name != label and name not in one_hot]
    split = settings.get("split", "")
    if "split" not in settings:
        split, notes = _split_column(table, rest, what)
    elif split and not any(part_of(value) is not None for value in set(table.column(split))):
        raise DataProblem(
            f"The column {escape_name(split)} of {what} must say train, val or test. It says "
            f"{_some(table.column(split))}; name another with ?split=COLUMN, or none with ?split=."
        )
    group = settings.get("group", "")
    if "group" not in settings:
        group = next(iter(_named(GROUPS, [name for name in rest if name != split])), "")
    if one_hot:
        notes.append(f"The classes of {what} are its columns {abbreviate(', '.join(one_hot))}: each row has one 1.")
    return _Columns(file, label, split, group, one_hot, tuple(notes))


def _named(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns whose names are among these words, in the order of the words."""
    by_word: dict[str, list[str]] = {}
    for name in names:
        by_word.setdefault(plain_word(name), []).append(name)
    return [name for word in words for name in by_word.get(word, ())]


def _file_column(table: Table, what: str) -> str:
    """The column of the paths: by its name, of several the one whose cells end as pictures do; else by its cells."""
    named = _named(FILES, table.names)
    ends = [name for name in named or table.names if _are_pictures(table.column(name))]
    if len(named) == 1 or (named and not ends):
        return named[0]
    if ends and (named or len(ends) == 1):
        return ends[0]
    raise DataProblem(
        f"{what} must have a column with the paths of its pictures, called file, path or image. It has "
        f"{_shown(table.names)}; name it: csv:PATH?file=COLUMN."
    )


def _are_pictures(cells: Sequence[str]) -> bool:
    some = [cell for cell in cells if cell][:100]
    return bool(some) and sum(map(names_picture, some)) > len(some) / 2


def _label_column(table: Table, names: Sequence[str], what: str) -> tuple[str, tuple[str, ...]]:
    """The column of the labels, or one for each class; of two that say the same, the one with words.

    Raises:
        DataProblem: There is none, several say different things, or a picture has several labels.
    """
    named = _named(LABELS, names)
    if len(named) > 1:
        kinds = {name: table.column(name) for name in named}
        pairs = {len(set(zip(*kinds.values(), strict=True))), *(len(set(column)) for column in kinds.values())}
        if len(pairs) > 1:
            raise DataProblem(
                f"It must be plain which column of {what} holds the label. {_shown(named)} say different things; name "
                f"one: csv:PATH?label=COLUMN."
            )
        words = [name for name in named if not all(_number(cell) is not None for cell in kinds[name])]
        return (words or named)[0], ()
    if named:
        return named[0], ()
    if len(names) == 1 and table.names == ("1", "2"):  # no head
        return names[0], ()
    binary = [name for name in names if _is_binary(table.column(name))]
    if len(binary) < 2:
        raise DataProblem(
            f"{what} must have a column with the class of each picture, called label or class. It has "
            f"{_shown(table.names)}; name it: csv:PATH?label=COLUMN."
        )
    ones = [sum(cells) for cells in zip(*([c.lower() in ONE for c in table.column(n)] for n in binary), strict=True)]
    wrong = next((i for i, n in enumerate(ones) if n != 1), None)
    if wrong is not None:
        raise DataProblem(
            f"One picture has one class here. {what} has several labels to a picture: of its columns "
            f"{_shown(binary)} line {table.lines[wrong]} sets {ones[wrong]} to 1. Name one column to learn, "
            f"csv:PATH?label=COLUMN, or leave pictures with several labels out."
        )
    return "", tuple(binary)


def _is_binary(cells: Sequence[str]) -> bool:
    kinds = {cell.lower() for cell in cells}
    return bool(kinds & set(ONE)) and kinds <= {*ZERO, *ONE}


def _refuse_lists(cells: Sequence[str], name: str, what: str) -> None:
    """Refuse cells that hold several labels: lists in brackets, or parts that come alone or in other cells too."""
    kinds = {cell for cell in cells if cell}
    such = next((cell for cell in sorted(kinds) if re.fullmatch(r"\[.*\]|\{.*\}|\(.*,.*\)", cell)), "")
    for mark in "|;,":
        if such:
            break
        divided = {cell: {part.strip() for part in cell.split(mark)} for cell in kinds}
        times = Counter(part for parts in divided.values() for part in parts)
        several = [cell for cell, parts in divided.items() if len(parts) > 1]
        shared = [cell for cell in several if (all if mark == "," else any)(times[p] > 1 for p in divided[cell])]
        if several and 2 * len(shared) >= len(several):
            such = min(shared)
    if such:
        raise DataProblem(
            f"One picture has one class here. The column {escape_name(name)} of {what} has several labels to a "
            f"picture, such as {escape_name(such)!r}. Keep one of them, or leave those pictures out."
        )


def _split_column(table: Table, names: Sequence[str], what: str) -> tuple[str, list[str]]:
    """The column of the parts; one that is called so and says something else is told, and not used."""
    named = _named(SPLITS, names)
    for name in named:
        if any(part_of(value) == TRAIN for value in set(table.column(name))):
            return name, []
    for name in named:
        if any(part_of(value) is not None for value in set(table.column(name))):
            raise DataProblem(
                f"{what} must have a part to train on. Its column {escape_name(name)} says {_some(table.column(name))} "
                f"and never train; mend it, or leave it out with ?split=."
            )
    return "", [
        f"The column {escape_name(name)} of {what} is not read as parts, since it never says train: "
        f"{_some(table.column(name))}."
        for name in named
    ]


def _some(cells: Sequence[str]) -> str:
    return abbreviate(", ".join(escape_name(cell) for cell in sorted(set(cells))[:12]))


def _shown(names: Sequence[str]) -> str:
    return abbreviate(", ".join(escape_name(name) for name in names))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


# -- rows ------------------------------------------------------------------------------------------------


def _list(table: Table, columns: _Columns, place: _Place, what: str) -> _Listed:
    """Every row's picture, or the reason why it is left out.

    Raises:
        DataProblem: Paths that lead out of the folder, or one picture under two labels.
    """
    found, folders = _Listed(skipped=list(table.skipped)), _Folders()
    files, labels = table.column(columns.file), _labels(table, columns, what)
    words = table.column(columns.split) if columns.split else [""] * len(files)
    parts = {word: part_of(word) if columns.split else FREE for word in set(words)}
    for i, (cell, label, word) in enumerate(zip(files, labels, words, strict=True)):
        part, name, path = parts[word], *place.below(cell)
        shown = escape_name(normalise_name(name)) or f"line {table.lines[i]}"
        if path is None:
            if cell.strip("/"):
                found.outside.append(cell)
            else:
                found.skipped.append((shown, "it names no file"))
            continue
        if not label or part is None:
            why = f"its part {escape_name(word)!r} is none of train, val and test" if label else "it has no label"
            found.skipped.append((shown, why))
            continue
        at = folders.find(path)
        before = found.known.get(str(at), label)
        if before != label:
            raise DataProblem(
                f"One picture has one class here. {shown} is listed in {what} as {before} and as {label}; keep one of "
                f"the rows."
            )
        if str(at) in found.known:
            found.skipped.append((shown, "it is listed twice"))
            continue
        file = None if at is None else File(at.name, at)
        found.there[label] += 1
        if file is None or not file.is_picture:
            why = "there is no such file" if file is None else file.unread_reason
            found.skipped.append((shown, why))
            found.gone.setdefault(label, []).append((shown, why))
            continue
        found.known[str(at)] = label
        found.pictures.append(Picture(at, shown, label, part))
        found.rows.append(i)
    if found.outside:
        raise DataProblem(
            f"Paths in {what} must lie below {escape_name(str(place.root))}. {len(found.outside):,} do not, such as "
            f"{escape_name(found.outside[0])}. Name a folder that holds all of them: csv:PATH?root=FOLDER."
        )
    return found


def _labels(table: Table, columns: _Columns, what: str) -> list[str]:
    """The label of each row; "" = none.

    Raises:
        DataProblem: They are measurements.
    """
    if columns.one_hot:
        at = [table.names.index(name) for name in columns.one_hot]
        return [next(escape_name(table.names[i]) for i in at if row[i].lower() in ONE) for row in table.rows]
    cells = ["" if cell.lower() == "nan" else normalise_name(cell) for cell in table.column(columns.label)]
    numbers = [_number(cell) for cell in cells if cell]
    if numbers and all(number is not None for number in numbers):
        known = [number for number in numbers if number is not None]
        if all(number.is_integer() for number in known):  # 1.0 as tables of numbers write it
            return [cell and f"{int(float(cell))}" for cell in cells]
        if len(set(known)) > MOST_NUMBERS and 2 * len(set(known)) > len(known):
            raise DataProblem(
                f"Labels of {what} must be classes. The column {escape_name(columns.label)} holds {len(set(known)):,} "
                f"different numbers in {len(known):,} rows; divide them into classes first, or name another column."
            )
    return [escape_name(cell) for cell in cells]


@dataclass(frozen=True)
class _Place:
    """Where paths of a table may lead.

    Attributes:
        root: The folder that they begin at, and do not leave.
        tops: The same with links followed, for paths that are written whole.
        beside: The table's own folder, at which they may begin too.
    """

    root: Path
    tops: tuple[Path, ...]
    beside: Path

    @classmethod
    def of(cls, root: Path, beside: Path) -> _Place:
        """Of these folders."""
        return cls(root, tuple(dict.fromkeys((root, root.resolve()))), beside)

    def below(self, cell: str) -> tuple[str, Path | None]:
        """Name and path of a file below the root; no path where the cell names none, or one that lies elsewhere."""
        text = cell.replace("\\", "/").strip()
        if not text or text.endswith("/") or "\0" in text or re.match(r"[A-Za-z]:/|[A-Za-z]{2,}://", text):
            return "", None
        for begin in (self.root, self.beside):
            path = Path(os.path.normpath(begin / text))
            for top in self.tops:
                if path != top and path.is_relative_to(top):
                    return path.relative_to(top).as_posix(), path
        return "", None


class _Folders:
    """Finds files that the table writes without their ending, or with accents in another spelling."""

    def __init__(self) -> None:
        self.names: dict[Path, dict[str, list[Path]]] = {}  # of a folder: name, or name without ending → files

    def find(self, path: Path) -> Path | None:
        """The file of this path, or the only picture that it can mean; None = there is none."""
        try:
            if path.is_file():
                return path
            if path.parent not in self.names:
                self.names[path.parent] = self._read(path.parent)
        except (OSError, ValueError):  # a name that is too long
            return None
        found = self.names[path.parent].get(normalise_name(path.name), [])
        return found[0] if len(found) == 1 else None

    def _read(self, folder: Path) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if names_picture(file.name):
                for name in (file.name, file.stem):
                    found.setdefault(normalise_name(name), []).append(file)
        return found


def _layout(table: Table, columns: _Columns, found: _Listed, path: Path, what: str) -> Layout:
    """The pictures of a table as a tree would give them.

    Raises:
        DataProblem: No pictures, one class, a class without any, or a part without one of the classes.
    """
    if not found.pictures:
        first = found.skipped[0]
        raise DataProblem(
            f"{what} must list pictures that are there. Of {len(table.rows):,} rows none does: {first[0]}: {first[1]}. "
            f"Paths begin at the folder of the table, or at csv:PATH?root=FOLDER."
        )
    lost = sorted(label for label in found.there if label not in {p.label for p in found.pictures})
    if lost:
        raise DataProblem(
            f"Every class of {what} must have pictures that are there. None is for {_shown(lost)}: "
            f"{': '.join(most_telling(found.gone[lost[0]])[0])}. Add them, or remove the rows."
        )
    classes = sorted({p.label for p in found.pictures})
    if all(c.lstrip("-").isdecimal() for c in classes):
        classes.sort(key=int)
    numbers = {label: number for number, label in enumerate(classes)}
    given = np.array([p.part for p in found.pictures], np.int8)
    labels = np.array([numbers[p.label] for p in found.pictures], np.int64)
    check_classes(what, labels, tuple(classes), given if columns.split else None)
    kept = [n for n in table.names if n not in (columns.file, columns.label, columns.split, *columns.one_hot)]
    if columns.group in kept[MAX_COLUMNS:]:
        kept.insert(0, columns.group)
    cells = {name: table.column(name) for name in kept[:MAX_COLUMNS]}
    return Layout(
        tuple(found.pictures),
        tuple(classes),
        tuple(found.skipped),
        Account(
            (Branch(escape_name(path.name), "classes", len(classes), len(found.pictures)),),
            (*table.notes, *columns.notes),
        ),
        dict(found.there),
        {label: Counter(why for _, why in gone) for label, gone in found.gone.items()},
        {escape_name(name): tuple(escape_name(column[i]) for i in found.rows) for name, column in cells.items()},
        escape_name(columns.group),
    )
