"""What an object store holds of a run, told by one small JSON object a writer: its manifest. No torch here.

    manifests/RUN.WRITER.json       written whole, last of all, by this writer alone
    runs/RUN/WRITER/rows/NUMBER-SHA.jsonl    whole lines of rows.jsonl; never written again
    runs/RUN/WRITER/files/SHA                any other file, by what is in it; never written again

A manifest comes from outside. What `read` lets through names no place but these, and no file but those of a run.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from tltk.errors import RunProblem
from tltk.runs import label, predictions

VERSION = 1
MOST_MANIFEST_BYTES = 8 << 20
MOST_PART_BYTES = 64 << 20  # of rows that are sent at once
MOST_ROWS_BYTES = 1 << 30  # of all rows of a run
MOST_FILE_BYTES = 64 << 30
MOST_INLINE_BYTES = 16 << 10  # a text so small stands in the manifest itself
NOTES = (label.FILE, predictions.FILE)  # what people write on a run, whoever runs it

MANIFESTS = "manifests"
_KEY = re.compile(r"([0-9a-f]{6,64})\.([0-9a-f]{16})\.json")
_FILE = re.compile(r"(?:earlier/[1-9][0-9]{0,5}/)?(?:snapshots/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_WINDOWS = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")  # names that are devices there
_NEVER = ("lock", "STOP", "rows.jsonl", *NOTES)  # of one machine, or told otherwise

Sha = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Writer = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?\Z")]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Size = Annotated[int, msgspec.Meta(ge=0, le=MOST_FILE_BYTES)]


class Part(msgspec.Struct, frozen=True):
    """Whole lines of `rows.jsonl`."""

    number: Number
    sha: Sha
    size: Annotated[int, msgspec.Meta(gt=0, le=MOST_PART_BYTES)]

    @property
    def name(self) -> str:
        """Below the folder of its writer."""
        return f"rows/{self.number:06d}-{self.sha[:16]}.jsonl"


class File(msgspec.Struct, frozen=True):
    """Any other file, whole."""

    sha: Sha
    size: Size
    changed: float = 0.0  # seconds since 1970
    text: Annotated[str, msgspec.Meta(max_length=1 << 20)] | None = None  # it itself, where it is small
    writer: Writer = ""  # in whose folder it lies; "" = the manifest's own

    @property
    def name(self) -> str:
        """Below the folder of its writer."""
        return f"files/{self.sha}"

    @property
    def is_object(self) -> bool:
        """Whether it lies in the store by itself, not in the manifest."""
        return self.text is None and self.size > 0


class Note(msgspec.Struct, frozen=True):
    """What people wrote on a run: a small file, and when; an empty one was taken away."""

    at: float
    text: Annotated[str, msgspec.Meta(max_length=1 << 20)]


class Basis(msgspec.Struct, frozen=True):
    """What another writer had found when this one went on with it."""

    writer: Writer
    term: Number
    revision: Number


class Manifest(msgspec.Struct, frozen=True):
    """What one writer says of a run.

    Attributes:
        run: Its id.
        writer: Which copy of the home wrote this, told by 16 hex digits.
        host: Name of its machine, for people.
        term: How often the run has passed from one writer to another, so that the largest counts; 0 = this one does not
            run it, and tells of notes or a wish to stop alone.
        since: When this writer's term began, in seconds since 1970; in the same term the earlier one counts.
        revision: Grows with every change.
        beat: Grows while its process lives.
        rows: The parts of rows.jsonl, in order.
        files: Name → file.
        notes: Name → what people wrote.
        over: What it went on from.
        stop: WRITER:TERM of whoever is asked to stop.
        deleted: Whether the run was deleted.
        version: Of this layout.
    """

    run: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{6,64}\Z")]
    writer: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    host: Annotated[str, msgspec.Meta(max_length=255)] = ""
    term: Number = 0
    since: float = 0.0
    revision: Number = 0
    beat: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    rows: tuple[Part, ...] = ()
    files: dict[str, File] = {}
    notes: dict[str, Note] = {}
    over: tuple[Basis, ...] = ()
    stop: Annotated[str, msgspec.Meta(max_length=40)] = ""
    deleted: bool = False
    version: int = VERSION

    @property
    def rank(self) -> tuple[int, float, str]:
        """Which of several manifests tells what the run is: the one of highest rank."""
        return self.term, -self.since, self.writer

    def follows(self, other: Manifest) -> bool:
        """Whether this one went on from all that the other tells."""
        return any((b.writer, b.term) == (other.writer, other.term) and b.revision >= other.revision for b in self.over)


def is_shared(name: str) -> bool:
    """Whether a file of a run's folder, by its path below it, is one that other machines get as a whole."""
    last = name.rpartition("/")[2]
    return (
        bool(_FILE.fullmatch(name))
        and (name not in _NEVER)
        and last not in ("lock", "STOP")
        and not last.endswith((".tmp", "."))
        and not _WINDOWS.fullmatch(last)
    )


def key(run: str, writer: str) -> str:
    """Where a manifest lies."""
    return f"{MANIFESTS}/{run}.{writer}.json"


def parse_key(name: str) -> tuple[str, str] | None:
    """Run and writer of a manifest, by the last part of its key; None where it can be none."""
    found = _KEY.fullmatch(name)
    return (found[1], found[2]) if found else None


def folder(run: str, writer: str) -> str:
    """Where all else that a writer tells of a run lies."""
    return f"runs/{run}/{writer}"


def read(data: bytes, run: str, writer: str) -> Manifest:
    """A manifest as it came from the store.

    Args:
        data: The object.
        run: Whose it has to be.
        writer: Whose it has to be.

    Raises:
        RunProblem: It is none, or tells of something else, or of files that no run has.
    """
    try:
        if len(data) > MOST_MANIFEST_BYTES:
            raise ValueError(f"it has more than {MOST_MANIFEST_BYTES >> 20} MB")
        found = msgspec.json.decode(data, type=Manifest)
        if (found.run, found.writer) != (run, writer):
            raise ValueError("it tells of another run or of another writer")
        if found.version != VERSION:
            raise ValueError(f"it is of version {found.version}, and this is version {VERSION}")
        if odd := [name for name in found.files if not is_shared(name)]:
            raise ValueError(f"it names {odd[0][:80]!r}, which is no file of a run")
        if odd := [name for name in found.notes if name not in NOTES]:
            raise ValueError(f"it names {odd[0][:80]!r}, which is no note")
        if len(found.files) > 10_000 or sum(part.size for part in found.rows) > MOST_ROWS_BYTES:
            raise ValueError("it names more than a run can have")
        if any(not 0 <= t < 2**40 for t in (found.since, *(f.changed for f in found.files.values()))):
            raise ValueError("it tells of a time that cannot be")
    except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
        raise RunProblem(f"A manifest of run {run} must be as tltk writes it. {writer}'s is not: {fault}.") from None
    return found
