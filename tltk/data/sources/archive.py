"""A .zip or .tar of one's own pictures, in the form of `folder`; unpacked, decoded, and removed again.

An archive comes from outside: names that lead out of the folder, links, devices, too many or too large
files, and bombs are refused before a byte of them is written.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from tltk import home
from tltk.data.domain import Domain, Progress, path_of
from tltk.data.layout import Layout, decide
from tltk.data.names import shown
from tltk.data.sources.folder import read_tree
from tltk.data.tree import below, of_names
from tltk.errors import DataProblem, TltkError
from tltk.specs.parts import DataSpec

MAX_FILES = 500_000
MAX_BYTES = 16 * 2**30
MAX_RATIO, FREE_BYTES = 100, 64 * 2**20  # unpacked over packed; small archives may be packed tighter
MAX_READ = 16 * 2**20  # nothing in a tar is read in one go but headers, and these are small
MAX_SURVEYED = 2**28  # bytes of a compressed tar that is read through for its names
BLOCK = 2**20

KINDS = {b"PK\3\4": "zip", b"PK\5\6": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz",
         b"7z\xbc\xaf'\x1c": "7z", b"Rar!": "rar"}  # fmt: skip
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
DIRECTORY = b"PK\1\2"  # begins each entry of a zip's directory
MAX_LINK = 4096  # bytes of a path that a link names


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    `oddity` is what is refused about it, `link` where it leads, `checksum` that of its content where the archive has
    one, `content` what opens it.
    """

    name: str
    size: int = 0
    oddity: str = ""
    is_folder: bool = False
    link: str = ""
    is_hard: bool = False
    checksum: int | None = None
    content: Callable[[], IO[bytes]] | None = None


def load(spec: DataSpec, argument: str, progress: Progress | None = None) -> Domain:
    """Pictures of your own in a .zip, .tar or .tar.gz, one folder per class.

    `archive:PATH/inner/folder` takes one folder of it.

    Raises:
        DataProblem: No such archive, one that is damaged or dangerous, or as for a folder.
    """
    path, inner = _locate(argument)
    # The name ends in .tmp, so that what a killed process leaves behind is swept away later.
    with tempfile.TemporaryDirectory(dir=home.room("domains"), suffix=".tmp") as scratch:
        root = Path(scratch).resolve()
        left = unpack(path, root)
        if inner and not (root / inner).is_dir():
            raise _no_such_folder(path, inner)
        source = shown(str(path / inner))
        return read_tree(root / inner, spec, progress, source=source, within=root, left=left)


def survey(argument: str) -> Layout | None:
    """How the archive is understood, from the names in it; None for one so large that only a worker should read it.

    Raises:
        DataProblem: As for `load`, so far as names tell.
    """
    path, inner = _locate(argument)
    if _kind(path) == "gz" and path.stat().st_size > MAX_SURVEYED:
        return None
    with _guarded(path), _members(path) as members:
        names, links = _names(path, members)
    for link in links:
        name, wanted = _target_name(path, link.name), _leads_to(path, link)
        inside = [name + other[len(wanted) :] for other in names if other.startswith(f"{wanted}/")]
        names |= dict.fromkeys([name] if wanted in names else inside)
    tree = below(of_names(names), inner)
    if tree is None:
        raise _no_such_folder(path, inner)
    return decide(tree, f"archive:{shown(argument)}")


def _names(path: Path, members: Iterator[Member]) -> tuple[dict[str, int | None], list[Member]]:
    """The names of all files, each with its checksum where the archive has one, and the links; oddities are refused."""
    names, links = dict[str, int | None](), list[Member]()
    for member in _counted(path, members):
        name = _target_name(path, member.name)
        if member.oddity:
            raise _odd(path, member.name, member.oddity)
        if member.link:
            links.append(member)
        elif not member.is_folder and names.setdefault(name, member.checksum) != member.checksum:
            raise _twice(path, member.name)
    return names, links


def _no_such_folder(path: Path, inner: str) -> DataProblem:
    return DataProblem(f"archive:PATH/FOLDER must name a folder inside {shown(str(path))}. It has no '{shown(inner)}'.")


def stamp(argument: str) -> str:
    """Changes when the archive is written anew."""
    path, inner = _locate(argument)
    status = path.stat()
    return f"{path}|{inner}|{status.st_size}|{status.st_mtime_ns}"


def unpack(path: Path, root: Path) -> list[tuple[str, str]]:
    """All regular files of the archive below `root`, which must be an empty folder; what was left out, and why.

    Links to files and folders of the archive itself become those; all others are refused.

    Raises:
        DataProblem: The archive cannot be read, leads outside, holds devices, or is too large.
    """
    packed = path.stat().st_size
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * packed), shutil.disk_usage(root).free)
    total, links, left = 0, list[Member](), list[tuple[str, str]]()
    with _guarded(path), _members(path) as members:
        for member in _counted(path, members):
            target = root / _target_name(path, member.name)
            if member.oddity:
                raise _odd(path, member.name, member.oddity)
            total += member.size
            if total > limit:
                raise _too_large(path, limit)
            if member.is_folder:
                target.mkdir(parents=True, exist_ok=True)
            elif member.link:
                links.append(member)
            elif member.content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    _again(path, member, target, left)
                else:
                    _write(path, member.content(), target, member.size)
        for member in links:
            _link(path, root, member, left)
    return left


def _counted(path: Path, members: Iterator[Member]) -> Iterator[Member]:
    for count, member in enumerate(members, start=1):
        if count > MAX_FILES:
            raise _too_many(path)
        yield member


def _too_many(path: Path) -> DataProblem:
    return DataProblem(f"{shown(str(path))} must hold at most {MAX_FILES:,} files. It has more; split it.")


def _odd(path: Path, name: str, oddity: str) -> DataProblem:
    return DataProblem(
        f"{shown(str(path))} must hold files and folders only. '{shown(name)}' is {oddity}; pack the files again."
    )


def _again(path: Path, member: Member, target: Path, left: list[tuple[str, str]]) -> None:
    """A name that comes twice: left out where both are the same, else nobody knows which is meant."""
    assert member.content is not None
    with member.content() as second, target.open("rb") as first:
        same = target.is_file() and member.size == target.stat().st_size
        while same and (block := first.read(BLOCK)):
            same = block == second.read(len(block))
    if not same:
        raise _twice(path, member.name)
    left.append((shown(member.name), "comes twice in the archive"))


def _twice(path: Path, name: str) -> DataProblem:
    return DataProblem(
        f"Names in {shown(str(path))} must differ. '{shown(name)}' comes twice with different content; pack the files "
        f"again."
    )


def _leads_to(path: Path, member: Member) -> str:
    """The name in the archive that a link leads to."""
    start = PurePosixPath() if member.is_hard else PurePosixPath(member.name).parent
    wanted = os.path.normpath(start / member.link)
    if PurePosixPath(wanted).is_absolute() or wanted.split("/")[0] == ".." or "\0" in wanted:
        raise _odd(path, member.name, "a link or a device that leads out of the archive")
    return wanted


def _link(path: Path, root: Path, member: Member, left: list[tuple[str, str]]) -> None:
    """What a link leads to, put in its place; it must lie in the archive."""
    name = _target_name(path, member.name)
    source, target = root / _leads_to(path, member), root / name
    if not source.resolve().is_relative_to(root) or not target.parent.resolve().is_relative_to(root):
        raise _odd(path, member.name, "a link or a device that leads out of the archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() or target.is_symlink():
        left.append((shown(member.name), "comes twice in the archive"))
    elif source.is_file():
        os.link(source, target)
    elif source.is_dir() and not member.is_hard:
        target.symlink_to(source.resolve(), target_is_directory=True)
    else:
        left.append((shown(member.name), "a link to nothing"))


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Whatever a parser raises, in a sentence."""
    try:
        yield
    except TltkError:
        raise
    except Exception as fault:  # the parsers of zip, tar and gzip raise a dozen kinds
        raise DataProblem(
            f"{shown(str(path))} must be a whole .zip, .tar or .tar.gz. It cannot be unpacked: "
            f"{shown(str(fault)[:160]) or type(fault).__name__}.{_what_it_is(path)} Fetch or pack it again."
        ) from None


def _what_it_is(path: Path) -> str:
    """What a file is instead of an archive."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return " It is empty."
    return " It is a web page." if head.lstrip()[:1] == b"<" else ""


def _write(path: Path, content: IO[bytes], target: Path, size: int) -> None:
    """Copy `size` bytes, never more: what the directory says is not trusted."""
    written = 0
    with content, target.open("xb") as file:
        while block := content.read(BLOCK):
            written += len(block)
            if written > size:
                raise DataProblem(f"{path} is damaged: {target.name} is larger than it says. Pack it again.")
            file.write(block)
    if written < size:
        raise DataProblem(f"{path} is damaged: {target.name} breaks off. Fetch or pack it again.")


def _target_name(path: Path, name: str) -> str:
    """Where a member goes below the root; only names that stay there."""
    pure = PurePosixPath(name)
    drive = re.match(r"[A-Za-z]:($|/)", name) or (os.name == "nt" and ":" in name)
    if "\\" in name or "\0" in name or drive or pure.is_absolute() or ".." in pure.parts:
        raise DataProblem(
            f"Names in {shown(str(path))} must stay inside it. Got '{shown(name[:200])}'; do not trust this archive."
        )
    return pure.as_posix()


def _too_large(path: Path, limit: int) -> DataProblem:
    return DataProblem(
        f"{path} may unpack to at most {limit / 1e9:.2f} GB (its size, its compression and the disk set the "
        f"limit). It holds more; unpack it yourself and use folder:PATH."
    )


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    """The members of the archive, one after the other, each with its content still to be read."""
    kind = _kind(path)
    if kind == "zip":
        _refuse_many(path)
        with zipfile.ZipFile(path) as file:
            yield _zip_members(file)
    else:
        with gzip.open(path) if kind == "gz" else path.open("rb") as opened:
            guarded = _Guarded(cast(IO[bytes], opened))
            with tarfile.open(fileobj=cast(IO[bytes], guarded), mode="r:") as tar:
                yield _tar_members(path, tar, guarded)


def _kind(path: Path) -> str:
    """zip, gz or tar, by the first bytes rather than by the name."""
    with path.open("rb") as file:
        head = file.read(8)
    found = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), "")
    if found in ("7z", "rar", "bz2", "xz") or (not found and not path.name.lower().endswith(ENDINGS)):
        form = f" It is a .{found}." if found else _what_it_is(path)
        raise DataProblem(
            f"archive:PATH must name a .zip, .tar or .tar.gz. Got {shown(str(path))}.{form} Unpack it and pack "
            f"it as one of them."
        )
    return found or ("zip" if path.name.lower().endswith(".zip") else "tar")


def _refuse_many(path: Path) -> None:
    """Count the entries of a zip's directory before anything is made of them: parsing half a million takes long."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 2**16 - 22))
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) < at + 22:
            return  # damaged; the parser says how
        length = int.from_bytes(tail[at + 12 : at + 16], "little")
        if length == 2**32 - 1 or length > MAX_FILES * 46:  # an entry has 46 bytes and its name
            start = size - len(tail) + at
            wide = tail[:at].rfind(b"PK\6\6")
            if length == 2**32 - 1 and wide >= 0:
                length = int.from_bytes(tail[wide + 40 : wide + 48], "little")
                start = size - len(tail) + wide
            count, overlap = 0, b""
            file.seek(max(0, start - length))
            while length > 0 and (block := file.read(min(2**24, length))):
                count += (overlap + block).count(DIRECTORY)
                overlap, length = block[-3:], length - len(block)
                if count > MAX_FILES:
                    raise _too_many(path)


def _zip_members(file: zipfile.ZipFile) -> Iterator[Member]:
    for info in file.infolist():
        name = _zip_name(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        oddity = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) else "a link or a device"
        if info.flag_bits & 1:
            oddity = "encrypted"
        link = ""
        if kind == stat.S_IFLNK and not oddity:
            with file.open(info) as content:
                link = content.read(MAX_LINK).decode("utf-8", "surrogateescape") or "/"
        opened = None if oddity or link else partial(file.open, info)
        yield Member(name, info.file_size, oddity, name.endswith("/"), link, checksum=info.CRC, content=opened)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as its maker meant it: UTF-8 without the flag for it is common, and so are Windows' separators."""
    name = info.filename
    if not info.flag_bits & 0x800:  # else the name is said to be UTF-8
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name if "/" in name else name.replace("\\", "/")


def _tar_members(path: Path, tar: tarfile.TarFile, guarded: _Guarded) -> Iterator[Member]:
    for info in tar:
        is_link = info.issym() or info.islnk()
        oddity = "" if info.isreg() or info.isdir() or is_link else "a link or a device"
        size = info.size if info.isreg() else 0
        content = partial(_content, tar, info) if info.isreg() else None
        yield Member(info.name, size, oddity, info.isdir(), info.linkname * is_link, info.islnk(), None, content)
    if guarded.last != bytes(tarfile.BLOCKSIZE):  # tarfile itself takes a torn header for the end
        count = len(tar.getmembers())
        raise DataProblem(f"{path} is damaged: it breaks off after {count} files. Fetch it again.")


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(info)
    assert found is not None
    return found


class _Guarded:
    """A file that refuses large reads: a tar header that claims gigabytes would fill the memory.

    `last` is what was read last; at the end of a whole archive it is a block of zeros.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.last = b""
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        if not 0 <= size <= MAX_READ:
            raise DataProblem("This archive has a header of many megabytes; do not trust it.")
        self.last = self._file.read(size)
        return self.last


def _locate(argument: str) -> tuple[Path, str]:
    """The archive file, and the folder inside it that the rest of the path names."""
    wanted = path_of(argument)
    path = next((p for p in (wanted, *wanted.parents) if _is_file(p)), None)
    if path is None:
        what = "a folder: write folder:PATH" if wanted.is_dir() else "nothing there; check the path"
        raise DataProblem(f"archive:PATH must name a .zip, .tar or .tar.gz. {shown(str(wanted))} is {what}.")
    inner = wanted.relative_to(path)
    if ".." in inner.parts:
        raise DataProblem(f"archive:PATH/FOLDER must name a folder inside the archive. Got {argument!r}.")
    return path.resolve(), "" if inner == Path() else inner.as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the disk
        return False
