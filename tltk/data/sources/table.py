"""Rows of a table of the user's: `table:PATH.csv`, of which one column is the label and the others are what is known.

`table:patients.csv`; `table:patients.csv?label=died&group=patient&without=id+date`, whose columns are found by the
usual names or named. A column whose cells are all numbers is one of numbers; any other becomes one column for each of
its words. What is missing stays missing, and is told beside. Licence and source are the user's.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tltk.data import layout, rows
from tltk.data.account import Account
from tltk.data.domain import Domain, Progress, Reading, argument_path, subsample
from tltk.data.files import Files, column_of
from tltk.data.identity import find_copies, label_conflicts
from tltk.data.names import escape_name, normalise_name
from tltk.data.numbers import LARGEST, MISSING, is_number, read_numbers
from tltk.data.parts import FREE
from tltk.data.roles import (
    FEW_VALUES,
    LABELS,
    SPLITS,
    alike_classes,
    find_column,
    other_labels,
    parts_of_rows,
    read_labels,
    refuse_unlabelled,
)
from tltk.data.rows import IS, Floats
from tltk.data.rows import MISSING as LACKS
from tltk.data.settings import divide_settings, spell_settings
from tltk.data.tables import Table, plain_word, read_table
from tltk.errors import DataProblem, UnknownName
from tltk.specs.nouns import counted
from tltk.specs.parts import DataSpec

MODALITY = rows.KIND
LICENCE = "not stated (your own table)"
SETTINGS = ("label", "split", "group", "without")
GROUPS = tuple(
    f"{word}{ending}"
    for word in ("group", "patient", "subject", "person", "participant", "individual", "donor", "customer", "account")
    for ending in ("id", "no", "number")
)
ROW_NUMBERS = ("id", "index", "row", "rowid", "rownumber", "unnamed0", "uid", "uuid", "key")
MAX_WORDS = 30  # of a column, the most frequent; the others are one more
OTHER = "other"
MAX_KEPT_COLUMNS = 64  # whose cells are kept as they are, for groups
SAID = 8  # columns of a list that are named


@dataclass
class _Read:
    """What was read, before it is made an array.

    Attributes:
        names: Of the columns that are learned from.
        values: Their numbers, a list for each column.
        labels: Classes, by name.
        parts: That each row comes in.
        lines: Of each row in the file.
        kept: Cells of columns that are not numbers, for groups.
        group: The column that says which rows belong together; "" = none.
        skipped: Rows that were left out, and why.
        notes: How it was understood.
    """

    names: list[str] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    kept: dict[str, list[str]] = field(default_factory=dict)
    group: str = ""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Rows of your own table, one column of it the label, the others numbers or words.

    Args:
        spec: `n` (0 = all), `size` in columns and `seed`; parts and shots are not read here.
        argument: PATH of a .csv or .tsv, perhaps with ?label=COLUMN&split=COLUMN&group=COLUMN&without=COLUMN+COLUMN.
        progress: Called with (done, total) rows.

    Raises:
        DataProblem: No such table, no column of labels, no other column, one class, or more columns than `size`.
    """
    path, settings = _locate(argument)
    what = escape_name(spec.name)
    found = _read(path, settings, what)
    classes = tuple(sorted(set(found.labels), key=lambda c: (float(c), c) if is_number(c) else (math.inf, c)))
    numbers = {label: number for number, label in enumerate(classes)}
    labels, given = np.array([numbers[one] for one in found.labels], np.int64), np.array(found.parts, np.int8)
    kept = subsample(labels, spec.n, spec.seed, what, given)
    values = np.stack(found.values, 1)[kept]
    images = rows.encode(found.names, values, spec.size, what)
    if progress:
        progress(len(kept), len(kept))
    origins = rows.origins(found.names, values)
    twins = find_copies(origins)
    names = [f"{escape_name(path.name)}, line {found.lines[i]}" for i in kept]
    cells = {name: column_of([column[i] for i in kept]) for name, column in found.kept.items()}
    return Domain.of(
        spec.name,
        images,
        labels[kept],
        classes,
        licence=LICENCE,
        source=escape_name(str(path)),
        given=None if (given == FREE).all() else given[kept],
        skipped=found.skipped,
        origins=origins,
        account=Account(notes=tuple(found.notes)),
        twins=twins,
        reading=Reading(clashes=label_conflicts(twins, labels[kept], names)),
        files=Files(tuple(names), cells, found.group),
        kind=rows.KIND,
        columns=found.names,
    )


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: No path, or a setting without a value.
        UnknownName: A setting that there is not.
    """
    return spell_settings("table", *divide(argument), SETTINGS)


def survey(argument: str, group_by: str = "") -> layout.Layout | None:
    """Refuse a table that cannot be meant; its classes are told once it is read.

    Args:
        argument: PATH, perhaps with settings.
        group_by: As `DataSpec.group_by`; it changes nothing of the reading.

    Raises:
        DataProblem: As for `load`.
    """
    path, settings = _locate(argument)
    _read(path, settings, f"table:{escape_name(argument)}")
    return None


def source_version(argument: str) -> str:
    """Changes with the settings, and when the file grows or is written."""
    path, settings = _locate(argument)
    status = path.stat()
    told = f"{sorted(settings.items())}\0{status.st_size}\0{status.st_mtime_ns}"
    return hashlib.sha256(os.fsencode(path) + told.encode()).hexdigest()


def divide(argument: str) -> tuple[str, dict[str, str]]:
    """Path and settings; a path that exists as it stands has none.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.
    """
    return divide_settings("table", argument, SETTINGS, ("split", "group"))


def _locate(argument: str) -> tuple[Path, dict[str, str]]:
    text, settings = divide(argument)
    path = argument_path(text)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing there"
        raise DataProblem(f"table:PATH must name a .csv or .tsv. {escape_name(str(path))} is {what}; check the path.")
    return path, settings


# -- reading -------------------------------------------------------------------------------------------------


def _read(path: Path, settings: dict[str, str], what: str) -> _Read:
    table = read_table(path, (*LABELS, *SPLITS, *GROUPS))
    if all(map(is_number, table.names)):
        raise DataProblem(
            f"{what} must have a head with the names of its columns. Its first line holds numbers; write one above it."
        )
    without = [name for name in settings.get("without", "").split("+") if name]
    for name in (*without, *(settings[role] for role in ("label", "split", "group") if settings.get(role))):
        if name not in table.names:
            raise UnknownName.among(f"A column of {what}", name, table.names)
    found, roles = _Read(skipped=list(table.skipped)), _roles(table, settings, without, what)
    labels, cells = _classes(table.column(roles["label"]), roles["label"], what), dict[str, list[str]]()
    parts = parts_of_rows(table.column(roles["split"]) if roles["split"] else [""] * len(labels), roles["split"], what)
    used = [at for at, label in enumerate(labels) if label]
    name = escape_name(path.name)
    found.skipped += [(f"{name}, line {table.lines[at]}", "no label") for at, label in enumerate(labels) if not label]
    if not used:
        raise DataProblem(f"{what} must hold rows with a label. The column {escape_name(roles['label'])} is empty.")
    found.labels, found.parts = [labels[at] for at in used], [parts[at] for at in used]
    found.lines, found.group = [table.lines[at] for at in used], roles["group"]
    said = "named" if settings.get("label") else "found by its name"
    found.notes.append(f"Labels are in the column {escape_name(roles['label'])}, {said}.")
    doubt = (
        ""
        if settings.get("label")
        else other_labels(table, [n for n in table.names if n not in without], roles["label"])
    )
    found.notes += filter(None, [doubt, alike_classes(set(found.labels))])
    for role, word in (("split", "Parts are"), ("group", "Which rows belong together is told")):
        found.notes += [f"{word} in the column {escape_name(roles[role])}."] if roles[role] else []
    for column in table.names:
        if column not in (roles["label"], roles["split"]):
            every = table.column(column)
            cells[column] = [every[at] for at in used]
    _add_columns(found, cells, [*without, roles["group"]], table.delimiter)
    found.notes += table.notes
    if not found.names:
        why = " ".join(note for note in found.notes if note.startswith("Left out"))
        raise DataProblem(
            f"{what} must have a column beside the label that can be learned from. It has none. {why}".strip()
        )
    return found


def _roles(table: Table, settings: dict[str, str], without: Sequence[str], what: str) -> dict[str, str]:
    """The columns of label, parts and groups; "" = there is none."""
    taken = {*without, *settings.values()}
    free = [name for name in table.names if name not in taken]
    label = settings.get("label") or find_column(free, LABELS)
    if not label:
        raise refuse_unlabelled(table, free, what)
    free = [name for name in free if name != label]
    found = {"label": label}
    for role, known in (("split", SPLITS), ("group", GROUPS)):
        found[role] = settings[role] if role in settings else find_column(free, known)
    if (
        "split" not in settings
        and found["split"]
        and all(layout.part_of(cell) is None for cell in set(table.column(found["split"])))
    ):
        found["split"] = ""  # called so, and something else: it is learned from
    return found


def _classes(cells: Sequence[str], column: str, what: str) -> list[str]:
    """The label of each row; "" = none.

    Raises:
        DataProblem: They are measurements, or as many as rows.
    """
    told = read_labels(cells)
    different = len(set(filter(None, told)))
    if different > max(FEW_VALUES, len(told) // 4):
        raise DataProblem(
            f"Labels of {what} must be classes. The column {escape_name(column)} holds {different:,} different ones in "
            f"{len(told):,} rows; divide them into classes first, or name another column with ?label=COLUMN."
        )
    return told


def _add_columns(found: _Read, cells: dict[str, list[str]], without: Sequence[str], delimiter: str) -> None:
    """Turn each column into numbers, and say how."""
    n_numbers, words, lacking, left, doubts = 0, list[str](), list[str](), list[str](), list[str]()
    for column, said in cells.items():
        shown = escape_name(column)
        there = [cell for cell in said if cell.casefold() not in MISSING]
        read = None if column in without else read_numbers(said, delimiter)
        numbers = None if read is None or read.n_odd else read.values
        why = "" if there or column in without else "it is empty"
        unnamed = column == "1"  # as pandas writes the numbers of rows: without a name, first of all
        if numbers is not None and (unnamed or plain_word(column) in ROW_NUMBERS) and len(set(there)) == len(there):
            why, numbers = "it numbers the rows", None
        elif numbers is not None and there and np.isnan(numbers).all():
            why, numbers = f"its numbers are beyond {LARGEST:g}", None
        if column in without or why:
            left += [f"{shown} ({why})"] if why else []
        elif numbers is not None:
            assert read is not None
            doubts += read.notes(column)
            n_numbers += 1
            _add(found, shown, numbers)
            if share := float(np.isnan(numbers).mean()):
                _add(found, f"{shown}{LACKS}", np.isnan(numbers).astype(np.float64))
                lacking.append(f"{shown} {share:.1%}")
            continue
        elif 2 * len(set(there)) > len(there):
            left.append(f"{shown} (words that hardly come twice)")
        else:
            words.append(f"{shown} {_add_words(found, shown, said)}")
        if len(found.kept) < MAX_KEPT_COLUMNS:
            found.kept[column] = [escape_name(cell) for cell in said]
    found.notes.append(f"{counted(n_numbers, 'columns')} of numbers, {len(words)} of words.")
    if words:
        found.notes.append(f"A column of words is read as one column for each word: {_some(words)}.")
    if lacking:
        found.notes.append(
            f"Numbers are missing: {_some(lacking)}. They are read as the mean of the training part, "
            f"and a column beside each says where."
        )
    if left:
        found.notes.append(f"Left out: {_some(left)}.")
    found.notes += doubts[:SAID]


def _add(found: _Read, name: str, values: Floats) -> None:
    found.names.append(name)
    found.values.append(values)


def _add_words(found: _Read, name: str, said: Sequence[str]) -> str:
    """A column for each of the most frequent words, one for the others and one for none; how many, in words."""
    told = [None if cell.casefold() in MISSING else escape_name(normalise_name(cell)) for cell in said]
    counts = Counter(word for word in told if word is not None)
    frequent = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_WORDS]]
    for word in sorted(frequent):
        _add(found, f"{name}{IS}{word}", np.array([one == word for one in told], np.float64))
    if rest := len(counts) - len(frequent):
        known = {None, *frequent}
        _add(found, f"{name}{IS}{OTHER}", np.array([one not in known for one in told], np.float64))
    if None in told:
        _add(found, f"{name}{LACKS}", np.array([one is None for one in told], np.float64))
    return f"({len(frequent)}{f' and {rest:,} rare ones as one' if rest else ''})"


def _some(told: Sequence[str]) -> str:
    """The first few of a list, and how many there are more."""
    more = f" and {len(told) - SAID} more" if len(told) > SAID else ""
    return f"{'; '.join(told[:SAID])}{more}"
