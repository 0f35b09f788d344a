"""Pictures that a user brings through the browser: named safely, bounded in number and size, equal ones kept once.

They lie in the home under `pictures/HASH/TITLE`, HASH being that of all names and contents. Nothing is decoded here:
what a file is, the worker that reads the domain finds out and tells.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from tltk import home
from tltk.data.names import escape_name
from tltk.data.sources.archive import ENDINGS as ARCHIVES
from tltk.errors import BadSpec, MachineProblem, machine_errors

MAX_FILES = 20_000
MAX_BYTES = 2 * 2**30
FREE_BYTES = 2**30  # that stay free on the disk
MAX_DEPTH = 8  # folders above a file
LONGEST = 100  # letters of a name
BLOCK_BYTES = 2**20
NOTE = "brought.json"
UNREAD = "\ufffd"  # what a browser gives for letters that it cannot read

Content = bytes | memoryview | Path  # a path is of a file that is kept already


class Brought(msgspec.Struct, frozen=True):
    """What was brought.

    Attributes:
        name: Of the domain that it is, such as `folder:PATH`.
        title: What the user calls it.
        files: How many.
        size: Bytes of all.
        when: Seconds since 1970.
        by: In a room, who has brought it.
    """

    name: str
    title: str
    files: int
    size: int
    when: float
    by: list[str] = []


@dataclass(frozen=True)
class _File:
    """A file on its way: its safe name below the folder, its content, and the hash of that."""

    name: str
    content: Content
    mark: str
    size: int


# -- names ----------------------------------------------------------------------------------------------------


def safe_name(name: str, usual: str = "picture") -> str:
    """The last part of a name that came from a browser, as a file may bear it; its ending stays.

    Args:
        name: As the user's machine calls it.
        usual: Where nothing is left of it.
    """
    bare = escape_name(name.replace("\\", "/").rpartition("/")[2]).replace("\\", "_").strip(". ")
    stem, dot, ending = bare.rpartition(".")
    return f"{_short(stem)}{dot}{_short(ending[:10])}" if stem else (_short(bare) or usual)


def _short(text: str) -> str:
    """As many letters as a file's name may have on any disk, which counts bytes."""
    return text[:LONGEST].encode()[: 2 * LONGEST].decode(errors="ignore")


def safe_title(name: str, usual: str = "pictures") -> str:
    """A title as the last word of a domain's name may be: no sign that begins a corruption or settings in one."""
    return re.sub(r"[^\w .()-]+|^[. ]+|[. ]+$", "_", safe_name(name, usual)).strip("_ .")[:LONGEST] or usual


def safe_path(name: str) -> str | None:
    """A name with its folders, `flowers/daisy/1.png`, such that it stays below where it is kept; None = it cannot.

    Files that begin with a dot keep it, so that the reading of the domain tells that they are hidden ones.
    """
    parts = _parts(name)
    return "/".join(map(_safe_part, parts)) or None


def _parts(name: str) -> list[str]:
    """The folders and the file that a name is made of; none where it leads elsewhere or too deep."""
    parts = [part for part in name.replace("\\", "/").split("/") if part.strip() not in ("", ".")]
    return [] if ".." in (part.strip() for part in parts) or len(parts) > MAX_DEPTH + 1 else parts


class _Folders:
    """Safe names of folders: two that are called differently stay two, since each may be a class."""

    def __init__(self) -> None:
        self.safe: dict[tuple[str, ...], str] = {(): ""}
        self.taken: set[str] = set()

    def path(self, parts: Sequence[str]) -> str:
        """The safe path of a file.

        Args:
            parts: Of its name.
        """
        for depth in range(1, len(parts)):
            key = tuple(parts[:depth])
            if key not in self.safe:
                usual = f"{self.safe[key[:-1]]}{_safe_part(key[-1])}"
                name, number = usual, 1
                while name in self.taken:
                    number += 1
                    name = f"{usual} ({number})"
                self.taken.add(name)
                self.safe[key] = f"{name}/"
        return f"{self.safe[tuple(parts[:-1])]}{_safe_part(parts[-1])}"


def _safe_part(part: str) -> str:
    dot = "." if part.startswith(".") else ""
    return dot + safe_name(part.replace(":", "_"))


# -- keeping --------------------------------------------------------------------------------------------------


def keep_folder(files: Iterable[tuple[str, Content]], title: str = "") -> tuple[Brought, list[str]]:
    """Files with their folders, kept as a domain; the same files again are the same domain.

    A folder that all lie in is taken away where there are folders below it, and gives the title.

    Args:
        files: Name, such as `flowers/daisy/1.png`, and content of each.
        title: What to call it; "" = as that folder is called.

    Returns:
        What is kept, and a sentence on each kind of file that is not.

    Raises:
        BadSpec: There are none, too many, or they are too large.
        MachineProblem: The disk is full, or may not be written.
    """
    found: dict[str, _File] = {}
    named = _Folders()
    strange, unread, total = 0, 0, 0
    for n, (name, content) in enumerate(files, 1):
        if n > MAX_FILES:
            raise BadSpec(
                f"At most {MAX_FILES:,} files can be brought at once. There are more; pack them as an archive, or name "
                f"their folder on the machine that runs the dashboard."
            )
        size, mark = _weigh(content)
        total += size
        if total > MAX_BYTES:
            raise _too_large()
        parts = _parts(name)
        if not parts:
            strange += 1
            continue
        unread += UNREAD in name
        _add(found, _File(named.path(parts), content, mark, size))
    folders = {str(folder) for name in found for folder in PurePosixPath(name).parents}
    for name in [name for name in found if name in folders]:  # a file cannot have the name of a folder
        del found[name]
        strange += 1
    if not found:
        raise BadSpec("Pictures must be brought as files. Got none that can be kept; choose a folder with pictures.")
    kept, top = _without_top(list(found.values()))
    whole = hashlib.sha256("\n".join(sorted(f"{one.name}\0{one.mark}" for one in kept)).encode())
    size = sum(one.size for one in kept)
    place = _place(whole.hexdigest(), size, safe_title(title or top), lambda folder: _write_all(folder, kept))
    told = []
    if strange:
        told.append(
            f"{strange:,} files were not kept: their names lead elsewhere, lie too deep or are those of folders."
        )
    if unread:
        told.append(
            f"{unread:,} names have letters that the browser could not read, such as {UNREAD}. Folders that differ in "
            f"these alone are one class now; rename them, or bring an archive."
        )
    return _noted(place, "folder", len(kept), size), told


def keep_archive(name: str, content: Content) -> Brought:
    """An archive, kept as a domain; what is in it the worker looks at.

    Args:
        name: As the user's machine calls it; its ending says what it is.
        content: Of the file.

    Raises:
        BadSpec: It is none, or too large.
        MachineProblem: The disk is full, or may not be written.
    """
    ending = next((end for end in sorted(ARCHIVES, key=len, reverse=True) if name.lower().endswith(end)), None)
    if ending is None:
        raise BadSpec(f"An archive must end in {', '.join(ARCHIVES)}. Got {escape_name(name)[-40:]!r}.")
    size, mark = _weigh(content)
    if size > MAX_BYTES:
        raise _too_large()
    title = safe_title(name[: -len(ending)]) + ending
    one = _File(title, content, mark, size)
    place = _place(mark, one.size, title, lambda target: _write(target, one))
    return _noted(place, "archive", 1, one.size)


def claim(one: Brought, asker: str) -> None:
    """Note that somebody of a room has brought this, too.

    Args:
        one: What is kept.
        asker: Who.
    """
    if asker not in one.by:
        now = msgspec.structs.replace(one, by=[*one.by, asker])
        home.write_atomic(_path(one).parent / NOTE, msgspec.json.encode(now))


def known(asker: str = "") -> list[Brought]:
    """What was brought before, the newest first.

    Args:
        asker: Somebody of a room, who sees what he has brought himself; "" = there is no room.
    """
    notes = home.folder("pictures").glob(f"*/{NOTE}")
    found: list[Brought | None] = [home.read_json(path, Brought) for path in notes]
    there = [one for one in found if one is not None and _path(one).exists() and (not asker or asker in one.by)]
    return sorted(there, key=lambda one: -one.when)


def remove(one: Brought, asker: str = "") -> None:
    """Delete what was brought; trainings that learned from it keep what they learned.

    Args:
        one: What is kept.
        asker: Somebody of a room; while others have brought it as well, it is theirs still. "" = there is no room.
    """
    place, rest = _path(one).parent, [name for name in one.by if name != asker]
    if place.parent != home.folder("pictures"):  # never what a damaged note names
        return
    if asker and rest:
        home.write_atomic(place / NOTE, msgspec.json.encode(msgspec.structs.replace(one, by=rest)))
    else:
        home.remove(place)


def is_brought(name: str) -> bool:
    """Whether a domain of this name lies where brought pictures are kept."""
    path = Path(name.partition(":")[2])
    return path.is_absolute() and path.parent.parent == home.folder("pictures")


def title_of(name: str) -> str:
    """What the user calls a domain that was brought."""
    return Path(name.partition(":")[2]).name


def _path(one: Brought) -> Path:
    return Path(one.name.partition(":")[2])


def _noted(path: Path, kind: str, files: int, size: int) -> Brought:
    """What is kept, with a note of it beside; of what was known the note stays."""
    note = path.parent / NOTE
    before = home.read_json(note, Brought)
    if before is not None and _path(before) == path:
        return before
    one = Brought(f"{kind}:{path}", path.name, files, size, time.time())
    home.write_atomic(note, msgspec.json.encode(one))
    return one


def _weigh(content: Content) -> tuple[int, str]:
    """Size in bytes, and hash."""
    if not isinstance(content, Path):
        return len(content), hashlib.sha256(content).hexdigest()
    mark = hashlib.sha256()
    with machine_errors(content), content.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            mark.update(block)
        return file.tell(), mark.hexdigest()


def _add(found: dict[str, _File], one: _File) -> None:
    """One more file; where another has its name it gets a number, unless both are equal."""
    name, number = one.name, 1
    stem, dot, ending = one.name.rpartition(".")
    while name in found and found[name].mark != one.mark:
        number += 1
        name = f"{stem} ({number}){dot}{ending}" if dot and "/" not in ending else f"{one.name} ({number})"
    found[name] = _File(name, one.content, one.mark, one.size)


def _without_top(files: Sequence[_File]) -> tuple[list[_File], str]:
    """Without the folder that all lie in, where there are folders below it; and what it is called."""
    tops = {one.name.partition("/")[0] for one in files if "/" in one.name}
    rest = {one.name.partition("/")[2] for one in files}
    if len(tops) != 1 or "" in rest or not any("/" in name for name in rest):
        return list(files), ""
    top = tops.pop()
    return [_File(one.name[len(top) + 1 :], one.content, one.mark, one.size) for one in files], top


def _place(mark: str, size: int, title: str, write: Callable[[Path], None]) -> Path:
    """Where content of this hash lies; written there, whole or not at all, unless it is there already."""
    place = home.folder("pictures") / mark[:24]
    before = [path for path in place.iterdir() if path.name != NOTE] if place.is_dir() else []
    if before:
        return before[0]
    with machine_errors(place):
        free = shutil.disk_usage(place.parent).free
        if size + FREE_BYTES > free:
            raise MachineProblem(
                f"The disk of {place.parent} must keep {FREE_BYTES / 1e9:.0f} GB free. These pictures take "
                f"{size / 1e9:.2f} GB of the {free / 1e9:.2f} GB that are left; make room."
            )
        scratch = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            scratch.mkdir()
            write(scratch / title)
            try:
                scratch.rename(place)
            except OSError:  # another visitor was quicker with the same pictures
                if not place.is_dir():
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return next(path for path in place.iterdir() if path.name != NOTE)


def _write_all(folder: Path, files: Sequence[_File]) -> None:
    for one in files:
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, one)


def _write(path: Path, one: _File) -> None:
    if isinstance(one.content, Path):
        try:
            os.link(one.content, path)  # nobody writes to either
        except OSError:  # a disk without such links
            shutil.copyfile(one.content, path)
        return
    with path.open("xb") as file:
        file.write(one.content)


def _too_large() -> BadSpec:
    return BadSpec(
        f"At most {MAX_BYTES / 1e9:.1f} GB can be brought at once. These files are larger; name their folder on the "
        f"machine that runs the dashboard."
    )
