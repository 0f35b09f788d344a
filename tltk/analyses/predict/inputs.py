"""What the words of a prediction name: pictures, folders, archives, domains. No torch, and nothing is decoded here.

Folders and archives need no classes here, so they are read file by file; other domains as a training reads them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tltk import data
from tltk.analyses.predict.spec import EVERY, PredictSpec
from tltk.data.domain import argument_path
from tltk.data.known_columns import columns_read
from tltk.data.names import escape_name
from tltk.data.roles import LABELS, SPLITS, find_column, read_labels
from tltk.data.rows import KIND as TABLE
from tltk.data.sources import archive, table
from tltk.data.sources import text as text_source
from tltk.data.tables import read_table
from tltk.data.texts import KIND as TEXT
from tltk.data.tree import Folder, walk
from tltk.errors import BadSpec, DataProblem, UnknownName, abbreviate, truncate
from tltk.specs.encoders import reads_text
from tltk.specs.mlps import reads_rows
from tltk.specs.parts import DataSpec, read_alike
from tltk.specs.training import TransferSpec

FILE, FOLDER, ARCHIVE, DOMAIN = "file", "folder", "archive", "domain"
TREES = (FOLDER, ARCHIVE)
TABLE_FILE = "table file"
TABLE_DOMAIN, TEXT_DOMAIN = "table", "text"
MAX_TEXTS_BYTES = 64 * 2**20  # of a file of texts


@dataclass(frozen=True)
class Input:
    """One word of a prediction.

    Attributes:
        kind: file, folder, archive, domain or, of texts, table file.
        where: A path, or the name of a domain.
    """

    kind: str
    where: str


@dataclass(frozen=True)
class Listed:
    """Files to decode, and those that are not, each with the reason."""

    files: list[tuple[str, Path]]
    skipped: list[tuple[str, str]]


def understand(text: str, part: str = EVERY) -> Input:
    """What a word names; a folder or an archive of which a part is asked for is a domain.

    Raises:
        UnknownName, BadSpec: A name that means nothing.
        DataProblem: Nothing is there.
    """
    kind, colon, argument = text.partition(":")
    if colon and kind in TREES and data.corruption(text) is None:
        if part != EVERY:
            return Input(DOMAIN, text)
        if kind == ARCHIVE:
            data.source_version(text)  # that it is there
            return Input(kind, argument)
        path = argument_path(argument)
        if not path.is_dir():
            what = "a file" if path.exists() else "nothing there"
            raise DataProblem(f"folder:PATH must name a folder. {escape_name(str(path))} is {what}; check the path.")
        return Input(kind, str(path))
    if _is_domain(text):
        data.parse(text)
        return Input(DOMAIN, text)
    path = argument_path(text)
    if path.is_dir():
        return understand(f"folder:{path}", part)
    if path.is_file():
        name = path.name.lower()
        if name.endswith(archive.ENDINGS):
            return understand(f"archive:{path}", part)
        listed = {".npz": "npz", ".csv": "csv", ".tsv": "csv"}.get(path.suffix.lower())
        return Input(DOMAIN, f"{listed}:{path}") if listed else Input(FILE, str(path))
    what = "is no plain file" if path.exists() else "is not there"
    shown = escape_name(truncate(text))
    raise DataProblem(
        f"What is predicted must be a picture, a folder, an archive or a domain. {shown} {what}; "
        f"check the path, or see `tltk domains`."
    )


def _is_domain(text: str) -> bool:
    """Whether a word is meant as the name of a domain."""
    kind, colon, _ = text.partition(":")
    return bool(colon and kind in data.domains) or data.split(text)[0] in data.domains


def _domain_of(text: str, modality: str, reads: str, example: str) -> Input:
    """A domain that a network can read.

    Args:
        text: Its name.
        modality: Of what the network reads.
        reads: The same in words.
        example: A name of such a domain.
    """
    if data.modality_of(text) != modality:
        raise BadSpec(f"This training reads {reads}. {escape_name(text)} holds none; name {example}.")
    return Input(DOMAIN, text)


def understand_texts(text: str, part: str, trained: TransferSpec) -> Input:
    """What a word names for a network of texts: a domain of texts, a table, a folder of .txt files, or lines.

    Of the training's own texts, and where a part is asked for, they are those of the domain.

    Args:
        text: The word.
        part: Of a domain.
        trained: The training that reads them.

    Raises:
        UnknownName, BadSpec: A name that means nothing, or a domain of something else.
        DataProblem: Nothing is there.
    """
    own = {one.name for one in (trained.target, trained.source) if one is not None}
    if _is_domain(text):
        found = _domain_of(text, TEXT, "texts", "text:PATH")
        kind, _, argument = text.partition(":")
        free = kind == TEXT_DOMAIN and part == EVERY and text not in own and data.corruption(text) is None
        return Input(TABLE_FILE, argument) if free and _is_table_of_texts(argument) else found
    path = argument_path(text)
    name = f"{TEXT_DOMAIN}:{path}"
    if path.is_dir():
        return Input(FOLDER, str(path)) if part == EVERY else Input(DOMAIN, name)
    if path.is_file():
        if part != EVERY or name in own:
            return Input(DOMAIN, name)
        if _is_table_of_texts(str(path)):
            return Input(TABLE_FILE, str(path))
        return Input(DOMAIN, name) if path.suffix.lower() in text_source.TABLES else Input(FILE, str(path))
    raise DataProblem(
        f"What is predicted must be a file of texts, a folder of .txt files or a domain of texts. "
        f"{escape_name(truncate(text))} is not there; check the path."
    )


def _is_table_of_texts(argument: str) -> bool:
    path, settings = text_source.divide(argument)
    place = argument_path(path)
    return place.is_file() and text_source.is_table(place, settings)


def understand_rows(text: str, part: str, trained: TransferSpec) -> Input:
    """What a word names for a network of rows: a table, with or without labels, or a domain of rows.

    Of the training's own tables, and where a part is asked for, the rows are those of the domain.

    Args:
        text: The word.
        part: Of a domain.
        trained: The training that reads them.

    Raises:
        UnknownName, BadSpec: A name that means nothing, or a domain of something else.
        DataProblem: Nothing is there.
    """
    own = {one.name for one in (trained.target, trained.source) if one is not None}
    if _is_domain(text):
        found = _domain_of(text, TABLE, "rows of tables", "table:PATH")
        kind, _, argument = text.partition(":")
        is_file = kind == TABLE_DOMAIN and part == EVERY and text not in own and data.corruption(text) is None
        return Input(FILE, argument) if is_file else found
    path = argument_path(text)
    if path.is_file():
        name = f"{TABLE_DOMAIN}:{path}"
        return Input(FILE, str(path)) if part == EVERY and name not in own else Input(DOMAIN, name)
    raise DataProblem(
        f"What is predicted must be a table or a domain of rows. {escape_name(truncate(text))} is not there; check the "
        f"path."
    )


def list_texts(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(name, text) of each line of a file, or of each .txt file below a folder; and what was left out, with the reason.

    Raises:
        DataProblem: It cannot be read.
    """
    found: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    try:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*.txt") if p.is_file())
        for file in files:
            name = escape_name(file.name if path.is_file() else str(file.relative_to(path)))
            raw = file.read_bytes()
            try:
                if len(raw) > MAX_TEXTS_BYTES:
                    raise DataProblem(f"it has more than {MAX_TEXTS_BYTES >> 20} MiB")
                told, _ = text_source.plain_text(raw, name)
            except DataProblem as fault:
                skipped.append((name, str(fault)))
                continue
            if path.is_dir():
                found += [(name, told)] if told.strip() else []
            else:
                lines = enumerate(told.split("\n"), start=1)
                found += [(f"{name}, line {i}", line.strip()) for i, line in lines if line.strip()]
    except OSError as fault:
        raise DataProblem(f"{escape_name(str(path))} must be readable. It is not: {fault.strerror or fault}.") from None
    return found, skipped


@dataclass(frozen=True)
class TableTexts:
    """The texts of a table, which need no label.

    Attributes:
        texts: What each says.
        names: What each is called.
        labels: Its class as the table tells it; "" = it tells none.
        skipped: Rows without a text, and those that do not fit the head, each with the reason.
        notes: How the table was read.
    """

    texts: list[str]
    names: list[str]
    labels: list[str]
    skipped: list[tuple[str, str]]
    notes: list[str]


def list_table_texts(argument: str) -> TableTexts:
    """The texts of a table.

    Args:
        argument: PATH of it, perhaps with settings, as `text:` takes them.

    Raises:
        DataProblem: It cannot be read, or has no column of texts.
        UnknownName: It lacks the column that a setting names.
    """
    path, settings = text_source.divide(argument)
    place = argument_path(path)
    read, shown = read_table(place, (*text_source.TEXTS, *LABELS, *SPLITS)), escape_name(place.name)
    for column in settings.values():
        if column not in read.names:
            raise UnknownName.among(f"A column of {shown}", column, read.names)
    column = settings.get("text") or find_column(read.names, text_source.TEXTS)
    if not column and len(read.names) == 1:
        column = read.names[0]
    if not column:
        raise DataProblem(
            f"{shown} must have a column of texts. Its columns are {abbreviate(', '.join(read.names))}, and none is "
            f"called as texts usually are; name it: text:{escape_name(path)}?text=COLUMN."
        )
    label = settings.get("label") or find_column([name for name in read.names if name != column], LABELS)
    told = read_labels(read.column(label)) if label else [""] * len(read.rows)
    found = TableTexts([], [], [], list(read.skipped), list(read.notes))
    for said, of, line in zip(read.column(column), told, read.lines, strict=True):
        name = f"{shown}, line {line}"
        if not said or "\0" in said:
            found.skipped.append((name, "it is binary" if said else "no text"))
            continue
        found.texts.append(said)
        found.names.append(name)
        found.labels.append(of)
    return found


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of a table, which need no label.

    Attributes:
        cells: Name of each column → its cells.
        names: What each row is called.
        labels: Its class as the table tells it; "" = it tells none.
        skipped: Rows that do not fit the head, each with the reason.
        notes: How the table was read.
        delimiter: What divides its cells.
    """

    cells: dict[str, list[str]]
    names: list[str]
    labels: list[str]
    skipped: list[tuple[str, str]]
    notes: list[str]
    delimiter: str


def list_rows(argument: str, known: Sequence[str] = ()) -> TableRows:
    """The rows of a table.

    Args:
        argument: PATH of it, perhaps with settings, as `table:` takes them.
        known: Columns that the network reads: no label is looked for in what they are made of.

    Raises:
        DataProblem: It cannot be read.
        UnknownName: It lacks the column that a setting names.
    """
    path, settings = table.divide(argument)
    place = argument_path(path)
    if not place.is_file():
        what = "a folder" if place.is_dir() else "not there"
        raise DataProblem(f"A table must be a .csv or .tsv. {escape_name(str(place))} is {what}; check the path.")
    read, shown = read_table(place, (*LABELS, *SPLITS, *table.GROUPS)), escape_name(place.name)
    inputs = columns_read(read.names, known)
    label = settings.get("label") or find_column([name for name in read.names if name not in inputs], LABELS)
    if label and label not in read.names:
        raise UnknownName.among(f"A column of {shown}", label, read.names)
    cells = {name: read.column(name) for name in read.names}
    told = read_labels(cells[label]) if label else [""] * len(read.rows)
    names = [f"{shown}, line {line}" for line in read.lines]
    return TableRows(cells, names, told, list(read.skipped), list(read.notes), read.delimiter)


def check_inputs(spec: PredictSpec, trained: TransferSpec) -> None:
    """Refuse words that name nothing, and folders without a picture, before anything is queued.

    Raises:
        UnknownName, BadSpec, DataProblem: One does.
    """
    for text in spec.paths:
        if reads_rows(trained.net.backbone):
            row = understand_rows(text, spec.part, trained)
            if row.kind == DOMAIN:
                data.check(domain_spec(row.where, trained))
            elif not list_rows(row.where).names:
                raise DataProblem(f"{escape_name(row.where)} must hold rows. It holds none.")
            continue
        if reads_text(trained.net.backbone):
            words = understand_texts(text, spec.part, trained)
            if words.kind == DOMAIN:
                data.check(domain_spec(words.where, trained))
            elif words.kind == TABLE_FILE:
                if not list_table_texts(words.where).texts:
                    raise DataProblem(f"{escape_name(words.where)} must hold texts. No row of it has one.")
            elif not list_texts(Path(words.where))[0]:
                raise DataProblem(f"{escape_name(words.where)} must hold texts. It holds none that can be read.")
            continue
        found = understand(text, spec.part)
        if found.kind == FILE and spec.part != EVERY:
            raise BadSpec(f"A part is of a domain. {escape_name(found.where)} is one file; leave out --part.")
        if found.kind == FOLDER and not list_folder(Path(found.where)).files:
            raise DataProblem(
                f"A folder must hold pictures, at any depth. {escape_name(found.where)} holds none; check the path."
            )
        if found.kind == DOMAIN:
            data.check(domain_spec(found.where, trained))


def domain_spec(name: str, trained: TransferSpec) -> DataSpec:
    """A domain as a training reads it; its own target or source exactly so, with the parts that it had.

    Args:
        name: Of the domain.
        trained: The training.
    """
    for own in (trained.target, trained.source):
        if own is not None and own.name == name:
            return dataclasses.replace(own, shots=0)
    return read_alike(DataSpec(name, seed=trained.target.seed), trained.target)


def list_folder(root: Path, within: Path | None = None, under: str = "") -> Listed:
    """The pictures below a folder, in the order of their names, and what is left out.

    Args:
        root: The folder.
        within: The folder that links must not lead out of; None = they may lead anywhere.
        under: What stands before the names, such as the archive that they come from; "" = the folder.

    Raises:
        DataProblem: A folder below may not be read.
    """
    before = under or str(root)
    try:
        tree, left = walk(root, within=within)
        found = list(_files(tree))
    except OSError as fault:
        raise DataProblem(
            f"All folders below {escape_name(str(root))} must be readable. {escape_name(str(fault.filename or root))} "
            f"is not: {fault.strerror or fault}. Check its permissions."
        ) from None
    skipped = [(f"{before}/{name}", why) for name, why in left]
    files = []
    for name, path, why in sorted(found, key=lambda one: one[0]):
        if why:
            skipped.append((escape_name(f"{before}/{name}"), why))
        else:
            files.append((f"{before}/{name}", path))
    return Listed(files, skipped)


def _files(tree: Folder) -> Iterator[tuple[str, Path, str]]:
    """Name, path and, where it is no picture, the reason, of each file."""
    for folder, file, _ in tree.all_files():
        if file.path is not None:
            yield f"{folder.place}/{file.name}".lstrip("/"), file.path, "" if file.is_picture else file.unread_reason


@contextmanager
def unpacked(argument: str) -> Iterator[Listed]:
    """The pictures of an archive, unpacked for as long as this lasts.

    Raises:
        DataProblem: It is damaged, dangerous or too large.
    """
    with archive.unpacked(argument) as (root, top, left, where, _):
        found = list_folder(root, top, where)
        yield Listed(found.files, [*((f"{where}/{name}", why) for name, why in left), *found.skipped])
