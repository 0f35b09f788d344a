"""A table of text as people have it: comma, semicolon or tab, UTF-8, UTF-16 or Latin-1, with a head or without.

No meaning of a column is known here, but for the words by which a head is told from a first row.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tltk.data.decode import ENDINGS, HEIC
from tltk.data.names import escape_name, normalise_name
from tltk.errors import DataProblem

DELIMITERS = ",;\t|"
MAX_TABLE_BYTES = 256 * 2**20
SAMPLE_CHARS, SAMPLE_ROWS = 2**16, 50  # by which the delimiter is found
NOT_TEXT = {b"PK": "a workbook or an archive", b"PAR1": "Parquet", b"\xd0\xcf\x11\xe0": "an old workbook"}


@dataclass(frozen=True)
class Table:
    """Rows of cells without blanks around them, each as long as the head.

    Attributes:
        names: Of the columns, each once; a column without a name is called by its number.
        rows: The cells.
        lines: Number of each row in the file, from 1.
        skipped: Rows that do not fit the head, each with the reason.
        notes: How it was read, where that is not plain.
        delimiter: What divides its cells.
    """

    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    skipped: list[tuple[str, str]]
    notes: list[str]
    delimiter: str

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        at = self.names.index(name)
        return [row[at] for row in self.rows]


def plain_word(name: str) -> str:
    """A column's name as words are compared: `Image_ID` → imageid."""
    return "".join(c for c in normalise_name(name).casefold() if c.isalnum())


def read_table(path: Path, known: Collection[str]) -> Table:
    """The table in a file.

    Args:
        path: Of a text file.
        known: Words that a head holds, as `plain_word` has them; where it holds none and the first row names a
            picture, there is no head, and columns are called 1, 2, …

    Raises:
        DataProblem: No text, nothing in it, or rows that do not fit together.
    """
    shown = escape_name(path.name)
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        raise DataProblem(f"A table may have at most {MAX_TABLE_BYTES >> 20} MiB. {shown} has {size >> 20}; split it.")
    text, notes = _text(path.read_bytes(), shown)
    lead, _, rest = text.partition("\n")
    forced = lead.strip()[4:] if lead.strip().lower().startswith("sep=") else ""
    text = rest if forced else text
    try:
        delimiter = forced[:1] or _delimiter(text, known)
        above = 1 if forced else 0
        found = [(line, [cell.strip() for cell in row]) for line, row in _records(text, delimiter, shown, above)]
    except csv.Error as fault:
        raise DataProblem(f"{shown} must be a table of text. It cannot be read as one: {fault}.") from None
    found = [(line, row) for line, row in found if any(row)]
    if not found:
        raise DataProblem(f"{shown} must hold a head and a row for each example. It is empty.")
    head = found[0][1]
    if not any(plain_word(cell) in known for cell in head) and any(names_picture(cell) for cell in head):
        notes.append(f"{shown} has no head; its columns are called 1 to {len(head)}.")
        head = [str(i) for i in range(1, len(head) + 1)]
    else:
        found = found[1:]
    while len(head) > 1 and not head[-1] and not any(len(row) >= len(head) and row[len(head) - 1] for _, row in found):
        head = head[:-1]  # a delimiter at the end of each line
    return _fitted(head, found, shown, notes, delimiter)


def _records(text: str, delimiter: str, shown: str, above: int) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the line that it ends in.

    Args:
        text: Of the file, or what is left of it.
        delimiter: What divides its cells.
        shown: The file as sentences name it.
        above: Lines of the file that are not in the text.

    Raises:
        DataProblem: A quote is opened and not closed: the cell would swallow the rows below it.
        csv.Error: It is no table.
    """
    lines, start = list(io.StringIO(text, newline="")), 0
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        if reader.line_num > start + 1:
            try:
                list(csv.reader(lines[start : reader.line_num], delimiter=delimiter, strict=True))
            except csv.Error:
                raise DataProblem(
                    f"{shown}, line {start + above + 1} must close each quote that it opens. A cell goes on from there "
                    f"to line {reader.line_num + above}; close it, or write a quote in a quoted cell twice."
                ) from None
        yield reader.line_num + above, row
        start = reader.line_num


def _text(data: bytes, shown: str) -> tuple[str, list[str]]:
    """The text of a file, and a sentence where its coding is a guess.

    Raises:
        DataProblem: It is no text.
    """
    kind = next((kind for mark, kind in NOT_TEXT.items() if data.startswith(mark)), "")
    coding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if not kind:
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in (text := data.decode(coding)):
                return text, []
        if coding == "utf-8-sig" and b"\0" not in data:
            note = f"{shown} is not UTF-8 and was read as Latin-1; save it as UTF-8 if names look wrong."
            try:
                return data.decode("cp1252"), [note]
            except UnicodeDecodeError:
                return data.decode("latin-1"), [note]
    raise DataProblem(
        f"{shown} must be a table of text, with commas, semicolons or tabs. It is {kind or 'binary'}; save it as CSV."
    )


def _delimiter(text: str, known: Collection[str]) -> str:
    """The character by which the head has most words that are known, and then the most rows are of one length."""
    sample = text[:SAMPLE_CHARS]
    if len(text) > SAMPLE_CHARS:
        sample = sample[: sample.rfind("\n") + 1] or sample

    def rank(delimiter: str) -> tuple[int, float, int]:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row][:SAMPLE_ROWS]
        if not rows:
            return 0, 0.0, 0
        words = sum(plain_word(cell) in known for cell in rows[0])
        width, times = Counter(len(row) for row in rows).most_common(1)[0]
        return words, times / len(rows) if width > 1 else 0.0, width

    ranked = {delimiter: rank(delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda d: ranked[d])


def names_picture(cell: str) -> bool:
    """Whether it ends as files of pictures do."""
    return PurePosixPath(cell.replace("\\", "/")).suffix.lower() in (*ENDINGS, *HEIC)


def _fitted(head: list[str], found: list[tuple[int, list[str]]], shown: str, notes: list[str], delimiter: str) -> Table:
    """Rows of the head's length; those that are longer are left out.

    Raises:
        DataProblem: Two columns of one name, or more rows that are too long than not.
    """
    names = [normalise_name(name) or str(i) for i, name in enumerate(head, start=1)]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise DataProblem(
            f"Each column of {shown} must have a name of its own. {escape_name(twice[0])} comes twice; rename one, "
            f"or, if the first line is a row, write one with names above it."
        )
    if not found:
        raise DataProblem(f"{shown} must hold a row for each example below its head. It has a head alone.")
    rows, lines, skipped = [], [], []
    for line, row in found:
        if any(row[len(names) :]):
            skipped.append((f"{shown}, line {line}", f"{len(row)} cells, and the head has {len(names)}"))
            continue
        rows.append([*row[: len(names)], *[""] * (len(names) - len(row))])
        lines.append(line)
    if not rows or len(skipped) > len(rows):
        what = f"{skipped[0][0]}, has {skipped[0][1]}"
        raise DataProblem(
            f"{shown} must have a row for each example, as long as its head. Of {len(found):,} rows {len(rows):,} are: "
            f"{what}. Put cells that hold a delimiter in quotes."
        )
    return Table(tuple(names), rows, lines, skipped, notes, delimiter)
