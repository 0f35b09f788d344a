"""Texts of the user's: `text:PATH`, a folder per class of .txt files, a table, or one text a line with a label.

`text:reviews`, a folder; `text:reviews.csv?text=body&label=stars`, a table, whose columns are found by the usual names
or named; `text:reviews.txt`, lines of a text, a tab and a label. Licence and source are the user's.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tltk.data import layout, texts
from tltk.data.account import Account, most_telling, refuse_lost_classes
from tltk.data.domain import Domain, Progress, Reading, argument_path, subsample
from tltk.data.files import Files, column_of
from tltk.data.identity import find_copies, label_conflicts
from tltk.data.names import escape_name
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
from tltk.data.settings import divide_settings, spell_settings
from tltk.data.sources import folder
from tltk.data.tables import Table, plain_word, read_table
from tltk.data.tree import File, Folder, walk
from tltk.errors import DataProblem, UnknownName, abbreviate
from tltk.specs.encoders import BYTES_PER_TOKEN
from tltk.specs.parts import DataSpec

MODALITY = texts.KIND
LICENCE = "not stated (your own texts)"
SETTINGS = ("text", "label", "split")
TEXTS = ("text", "texts", "sentence", "sentences", "review", "reviewtext", "content", "body", "comment", "document")
TABLES = (".csv", ".tsv")
MAX_TEXT_BYTES = 2**20  # of one file
MAX_LINES_BYTES = 256 * 2**20
MAX_COLUMNS = 64
KIND = layout.Kind("texts", "1.txt", "plain text (.txt)", "", frozenset())


@dataclass
class _Texts:
    """What was read, before it is made an array.

    Attributes:
        texts: Without blanks around them.
        labels: Their classes, by name.
        parts: That each comes in.
        names: Of each, for lists.
        columns: What a table says beside.
        skipped: What was left out, and why.
        account: How it was understood.
    """

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    account: Account = Account()


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Texts of your own: a folder per class of .txt files, a .csv or .tsv, or lines of a text, a tab and a label.

    Args:
        spec: `n` (0 = all), `size` in tokens and `seed`; parts and shots are not read here.
        argument: PATH of a folder or a file, of a table perhaps with ?text=COLUMN&label=COLUMN&split=COLUMN.
        progress: Called with (done, total) texts.

    Raises:
        DataProblem: Nothing there, no texts, one class, no column of texts or of labels, or parts that differ.
    """
    path, settings = divide(argument)
    root, what = argument_path(path), escape_name(spec.name)
    found = _read(root, settings, what, spec.group_by)
    if not found.texts:
        why = f" Left out: {', '.join(most_telling(found.skipped)[0])}." if found.skipped else ""
        raise DataProblem(f"{what} must hold texts. It has none that can be used.{why}")
    classes = tuple(sorted(set(found.labels)))
    numbers = {label: number for number, label in enumerate(classes)}
    labels, given = np.array([numbers[one] for one in found.labels], np.int64), np.array(found.parts, np.int8)
    kept = subsample(labels, spec.n, spec.seed, what, given)
    chosen = [found.texts[i] for i in kept]
    images = texts.encode(chosen, spec.size)
    if progress:
        progress(len(chosen), len(chosen))
    origins = texts.origins(chosen)
    twins = find_copies(origins)
    names = [found.names[i] for i in kept]
    return Domain.of(
        spec.name,
        images,
        labels[kept],
        classes,
        licence=LICENCE,
        source=escape_name(str(root)),
        given=None if (given == FREE).all() else given[kept],
        skipped=found.skipped,
        origins=origins,
        account=dataclasses.replace(found.account, notes=(*length_notes(chosen, spec.size), *found.account.notes)),
        twins=twins,
        reading=Reading(clashes=label_conflicts(twins, labels[kept], names)),
        files=Files(tuple(names), {n: column_of([v[i] for i in kept]) for n, v in found.columns.items()}),
        kind=texts.KIND,
    )


def length_notes(said: Sequence[str], size: int) -> list[str]:
    """How many texts are longer than what is kept of them: a sentence, or none.

    Args:
        said: The texts.
        size: As `DataSpec.size`.
    """
    lengths = np.array([len(text.encode()) for text in said])
    room = BYTES_PER_TOKEN * size
    long = int((lengths > room).sum())
    if not long:
        return []
    fits = -(-int(np.quantile(lengths, 0.95)) // BYTES_PER_TOKEN)
    return [
        f"{long:,} of {len(said):,} texts are longer than the {room} bytes that are kept of each (size {size}, four "
        f"bytes to a token), up to {lengths.max():,}; size {min(1024, max(8, fits))} would keep 95% of them whole."
    ]


def check(argument: str) -> str:
    """The argument in one spelling.

    Raises:
        BadSpec: No path, or a setting without a value.
        UnknownName: A setting that there is not.
    """
    return spell_settings("text", *divide(argument), SETTINGS)


def survey(argument: str, group_by: str = "") -> layout.Layout | None:
    """How a folder is understood, without a text being read; None for a file, which is read as a whole.

    Args:
        argument: PATH, perhaps with settings.
        group_by: As `DataSpec.group_by`.

    Raises:
        DataProblem: As for `load`, so far as names tell; of a file, as far as its lines do.
    """
    path, settings = divide(argument)
    root, what = argument_path(path), f"text:{escape_name(argument)}"
    if root.is_dir():
        return _survey(root, what, group_by)
    _read(root, settings, what, group_by)
    return None


def source_version(argument: str) -> str:
    """Changes with the settings, and when a file comes, goes, grows or is written."""
    path, settings = divide(argument)
    root = argument_path(path)
    if root.is_dir():
        return folder.source_version(path)
    _check_file(root)
    status = root.stat()
    told = f"{sorted(settings.items())}\0{status.st_size}\0{status.st_mtime_ns}"
    return hashlib.sha256(os.fsencode(root) + told.encode()).hexdigest()


def divide(argument: str) -> tuple[str, dict[str, str]]:
    """Path and settings; a path that exists as it stands has none.

    Raises:
        BadSpec: A setting without a value.
        UnknownName: A setting that there is not.
    """
    return divide_settings("text", argument, SETTINGS)


# -- reading -------------------------------------------------------------------------------------------------


class TextFile(File):
    """A file of a tree of texts: `is_picture` says whether it is one, by its ending."""

    @property
    def is_picture(self) -> bool:
        """Whether it is read as a text."""
        return self.ending == ".txt"

    @property
    def may_be_picture(self) -> bool:
        """Whether its loss is one that a user would mind."""
        return self.ending in ("", ".txt", ".text", ".md", ".rst", ".html", ".htm", ".doc", ".docx", ".pdf", ".rtf")

    @property
    def unread_reason(self) -> str:
        """Why it is not read."""
        return f"the ending {escape_name(self.ending) or 'is missing'} is not .txt"


def _read(root: Path, settings: dict[str, str], what: str, group_by: str) -> _Texts:
    if root.is_dir():
        return _read_folder(root, what, group_by)
    _check_file(root)
    if is_table(root, settings):
        return _read_table(root, settings, what)
    return _read_lines(root, what)


def is_table(path: Path, settings: dict[str, str]) -> bool:
    """Whether a file is read as a table, not as lines of a text, a tab and a label.

    Args:
        path: Of a file.
        settings: Columns that are named.
    """
    return bool(settings) or path.suffix.lower() == ".csv" or (path.suffix.lower() == ".tsv" and _has_head(path))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataProblem(
            f"text:PATH must name a folder or a file. There is nothing at {escape_name(str(path))}; check the path."
        )
    if (n_bytes := path.stat().st_size) > MAX_LINES_BYTES:
        raise DataProblem(
            f"A file of texts may have at most {MAX_LINES_BYTES >> 20} MiB. {escape_name(path.name)} has "
            f"{n_bytes >> 20}; split it."
        )


def plain_text(data: bytes, name: str) -> tuple[str, str]:
    """The text of a file, in UTF-8, or UTF-16 with its mark, and a sentence where its coding is a guess.

    Args:
        data: What the file holds.
        name: Of the file, for the sentence.

    Raises:
        DataProblem: It is no text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in (text := data.decode("utf-16")):
                return text, ""
    if b"\0" in data:
        raise DataProblem("it is binary, not text")
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8-sig"), ""
    note = f"{name} is not UTF-8 and was read as Windows-1252; save it as UTF-8 if letters look wrong."
    return data.decode("cp1252", errors="replace"), note


def _survey(root: Path, what: str, group_by: str) -> layout.Layout:
    with folder.readable(root):
        tree, left = walk(root)
    stack = [tree]
    while stack:
        here: Folder = stack.pop()
        here.files[:] = [TextFile(file.name, file.path) for file in here.files]
        stack += here.folders
    return layout.interpret_tree(tree, what, left, group_by, KIND)


def _read_folder(root: Path, what: str, group_by: str) -> _Texts:
    laid = _survey(root, what, group_by)
    found, notes = _Texts(skipped=list(laid.skipped)), list[str]()
    unread: list[tuple[str, str]] = []
    for one in laid.pictures:
        assert one.path is not None
        try:
            if one.path.stat().st_size > MAX_TEXT_BYTES:
                raise DataProblem(f"it has more than {MAX_TEXT_BYTES >> 20} MiB")
            said, note = plain_text(one.path.read_bytes(), one.name)
            if not said.strip():
                raise DataProblem("it is empty")
        except (DataProblem, OSError) as fault:
            reason = fault.strerror or "it may not be read" if isinstance(fault, OSError) else str(fault)
            found.skipped.append((one.name, reason))
            unread.append((one.label, reason))
            continue
        notes += [note] if note else []
        _add(found, said, one.label, one.part, one.name)
    lost = sorted({one.label for one in laid.pictures} - set(found.labels))
    if lost:
        told = zip(found.skipped[len(laid.skipped) :], unread, strict=True)
        raise refuse_lost_classes(what, "texts", lost, [one for one, (label, _) in told if label in lost])
    losses = layout.losses(laid, unread)
    found.account = dataclasses.replace(laid.account, notes=(*losses, *notes[:3], *laid.account.notes))
    return found


def _add(found: _Texts, said: str, label: str, part: int, name: str) -> None:
    found.texts.append(said.strip())
    found.labels.append(label)
    found.parts.append(part)
    found.names.append(name)


def _read_lines(path: Path, what: str) -> _Texts:
    """Lines of a text, a tab and a label; what other separators of lines there may be belongs to the text."""
    shown = escape_name(path.name)
    try:
        told, note = plain_text(path.read_bytes(), shown)
    except DataProblem as fault:
        raise DataProblem(f"{what} must be lines of text, and {fault}. Save it as plain text.") from None
    lines = [(i, line.strip("\r ")) for i, line in enumerate(told.split("\n"), start=1) if line.strip()]
    first = _labels_first([line for _, line in lines])
    found = _Texts()
    for number, line in lines:
        said, tab, label = reversed(line.partition("\t")) if first else line.rpartition("\t")
        label, name = read_labels([label])[0], f"{shown}, line {number}"
        if not (tab and said.strip() and label):
            found.skipped.append((name, "no text or no label beside the tab" if tab else "no tab, and so no label"))
            continue
        _add(found, said, label, FREE, name)
    n = len(found.texts)
    if not n or len(found.skipped) > n:
        raise DataProblem(
            f"{what} must hold one text a line, a tab and a label, or a label, a tab and a text. Of "
            f"{n + len(found.skipped):,} lines {n:,} do; put a tab and the class at the end of each, or take a table "
            f"(.csv) or a folder of .txt for each class."
        )
    _check_labels(found, what, "what stands beside the tab of a line")
    how = "a label, a tab and a text" if first else "a text, a tab and a label"
    notes = [f"{shown}: {n:,} lines of {how}.", alike_classes(set(found.labels)), note]
    found.account = Account(notes=tuple(filter(None, notes)))
    return found


def _labels_first(lines: Sequence[str]) -> bool:
    """Whether lines begin with their labels: what begins them comes again and again, and what ends them does not."""
    divided = [line.split("\t") for line in lines if "\t" in line]
    begins, ends = (len({parts[at].strip() for parts in divided}) for at in (0, -1))
    return 2 * begins <= len(divided) < 2 * ends


def _has_head(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.readline(2**16).decode(errors="replace")
    return any(plain_word(cell) in (*TEXTS, *LABELS) for cell in head.split("\t"))


def _read_table(path: Path, settings: dict[str, str], what: str) -> _Texts:
    table = read_table(path, (*TEXTS, *LABELS, *SPLITS))
    for name in settings.values():
        if name not in table.names:
            raise UnknownName.among(f"A column of {what}", name, table.names)
    left = [name for name in table.names if name not in settings.values()]
    columns = {role: settings.get(role) or find_column(left, known) for role, known in _ROLES.items()}
    if not columns["text"]:
        raise DataProblem(
            f"{what} must have a column of texts. Its columns are {abbreviate(', '.join(table.names))}, and none is "
            f"called as texts usually are.{_longest(table)} Name it with ?text=COLUMN&label=COLUMN; if the first line "
            f"is a row, write one with names above it, such as text,label."
        )
    if not columns["label"]:
        raise refuse_unlabelled(table, [name for name in left if name not in columns.values()], what)
    if columns["text"] == columns["label"]:
        raise DataProblem(f"Texts and labels of {what} must be two columns. Both are {columns['text']}.")
    said, labels = table.column(columns["text"]), read_labels(table.column(columns["label"]))
    parts = parts_of_rows(
        table.column(columns["split"]) if columns["split"] else [""] * len(said), columns["split"], what
    )
    found, rows = _Texts(skipped=list(table.skipped)), list[int]()
    for at, (text, label, part) in enumerate(zip(said, labels, parts, strict=True)):
        name = f"{escape_name(path.name)}, line {table.lines[at]}"
        if not text or not label or "\0" in text:
            found.skipped.append((name, "no text" if not text else "no label" if not label else "it is binary"))
            continue
        rows.append(at)
        _add(found, text, label, part, name)
    _check_labels(found, what, f"the column {escape_name(columns['label'])}")
    rest = [name for name in table.names if name not in columns.values()][:MAX_COLUMNS]
    for name in rest:
        cells = table.column(name)
        found.columns[name] = [cells[at] for at in rows]
    told = f"Texts are in the column {escape_name(columns['text'])}, labels in {escape_name(columns['label'])}"
    told += f", parts in {escape_name(columns['split'])}." if columns["split"] else "."
    doubt = (
        ""
        if settings.get("label")
        else other_labels(table, [n for n in left if n != columns["text"]], columns["label"])
    )
    notes = [told, doubt, alike_classes(set(found.labels)), *table.notes]
    found.account = Account(notes=tuple(filter(None, notes)))
    return found


def _longest(table: Table) -> str:
    """Which column is longest, as texts are, in a sentence that stands in another; "" = the table has one alone."""
    n_chars = {name: sum(map(len, table.column(name))) for name in table.names}
    longest = max(n_chars, key=lambda name: n_chars[name])
    return f" The longest cells are in {escape_name(longest)}." if len(n_chars) > 1 else ""


_ROLES = {"text": TEXTS, "label": LABELS, "split": SPLITS}


def _check_labels(found: _Texts, what: str, where: str) -> None:
    """Refuse labels that are as many as texts: then they are no classes."""
    different = len(set(found.labels))
    if different > max(FEW_VALUES, len(found.labels) // 4):
        raise DataProblem(
            f"Labels of {what} must be classes. {where[0].upper()}{where[1:]} has {different:,} different ones for "
            f"{len(found.labels):,} texts; name another column with ?label=COLUMN, or mend the file."
        )
