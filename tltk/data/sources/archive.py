"""A .zip or .tar of the user's pictures, compressed or not, laid out as for `folder`; unpacked, decoded, then removed.

An archive comes from outside: names that lead out of the folder, links, devices, too many or too large
files, and bombs are refused before a byte of them is written.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from tltk import home
from tltk.data.domain import Domain, Progress, argument_path
from tltk.data.layout import Layout, interpret_tree
from tltk.data.names import escape_name
from tltk.data.sources.folder import read_tree
from tltk.data.tree import subtree, tree_from_names
from tltk.errors import DataProblem, TltkError
from tltk.specs.parts import DataSpec

MAX_FILES = 500_000
MAX_BYTES = 16 * 2**30
MAX_RATIO, FREE_BYTES = 100, 64 * 2**20  # unpacked over packed; small archives may be packed tighter
MAX_READ_BYTES = 16 * 2**20  # nothing in a tar is read in one go but headers, and these are small
MAX_SURVEYED_BYTES = 2**28  # bytes of a compressed tar that is read through for its names
BLOCK_BYTES = 2**20

KINDS = {
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf'\x1c": "7z",
    b"Rar!": "rar",
}
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
FORMS = ".zip, .tar, .tar.gz, .tar.bz2 or .tar.xz"
PACKED = ("gz", "bz2", "xz")  # tars that must be unpacked to be read through
MAX_WINDOW_BYTES = 192 * 2**20  # bytes that an .xz may want to be unpacked with; that of `xz -9` wants 65 MiB
# How names may be coded that do not say it: codec, in words, a letter that there must be, and those there may be.
_IDEOGRAPHS = r"\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
CODES = (
    ("gb2312", "Chinese (GBK)", r"[\u4e00-\u9fff]", r"[^\x00-\x7f]"),
    ("cp932", "Japanese (Shift JIS)", r"[\u3040-\u30ff]", rf"[\u3040-\u30ff{_IDEOGRAPHS}]"),
    ("cp866", "Cyrillic (code page 866)", r"[\u0400-\u04ff]", r"[\u0400-\u04ff\u2116]"),
    ("gbk", "Chinese (GBK)", r"[\u4e00-\u9fff]", rf"[{_IDEOGRAPHS}]"),
)
DIRECTORY = b"PK\1\2"  # begins each entry of a zip's directory
UTF8, UNICODE_PATH = 0x800, 0x7075  # the flag of a name, and the field that has it a second time (PKWARE's APPNOTE)
MAX_LINK_BYTES = 4096  # bytes of a path that a link names


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
    """Pictures of your own in a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz, one folder per class.

    `archive:PATH/inner/folder` takes one folder of it.

    Args:
        spec: `n` (0 = all), `size` in pixels, `fit` and `seed`; parts and shots are not read here.
        argument: PATH of the archive, perhaps with a folder inside it.
        progress: Called with (done, total) pictures.

    Raises:
        DataProblem: No such archive, one that is damaged or dangerous, or as for a folder.
    """
    with unpacked(argument) as (root, top, left, source, notes):
        found = read_tree(root, spec, progress, source=escape_name(source), within=top, left=left)
        account = dataclasses.replace(found.account, notes=(*notes, *found.account.notes))
        return dataclasses.replace(found, account=account)


@contextmanager
def unpacked(argument: str) -> Iterator[tuple[Path, Path, list[tuple[str, str]], str, list[str]]]:
    """An archive, unpacked for as long as this lasts.

    Args:
        argument: PATH of the archive, perhaps with a folder inside it.

    Yields:
        The folder that is named; that of the whole archive, which links must not lead out of; what was left out, each
        with the reason; PATH; sentences on how names were read.

    Raises:
        DataProblem: No such archive, or one that is damaged, dangerous or too large.
    """
    path, inner = _locate(argument)
    # The name ends in .tmp, so that what a killed process leaves behind is removed later.
    with tempfile.TemporaryDirectory(dir=home.folder("domains"), suffix=".tmp") as scratch:
        root = Path(scratch).resolve()
        left, notes = unpack(path, root)
        if inner and not (root / inner).is_dir():
            raise _no_such_folder(path, inner)
        yield root / inner, root, left, str(path / inner), notes


def survey(argument: str, group_by: str = "") -> Layout | None:
    """How the archive is understood, from the names in it; None for one so large that only a worker should read it.

    Args:
        argument: PATH of the archive, and perhaps of a folder in it.
        group_by: As `DataSpec.group_by`.

    Raises:
        DataProblem: As for `load`, so far as names tell.
    """
    path, inner = _locate(argument)
    if _kind(path) in PACKED and path.stat().st_size > MAX_SURVEYED_BYTES:
        return None
    with _explain_faults(path), _members(path) as (members, _):
        names, links = _names(path, _limit_members(path, members, _limit(path, home.folder("domains"))))
    for link in links:
        name, wanted = _target_name(path, link.name), _leads_to(path, link)
        inside = [name + other[len(wanted) :] for other in names if other.startswith(f"{wanted}/")]
        names |= dict.fromkeys([name] if wanted in names else inside)
    tree = subtree(tree_from_names(names), inner)
    if tree is None:
        raise _no_such_folder(path, inner)
    return interpret_tree(tree, f"archive:{escape_name(argument)}", group_by=group_by)


def _names(path: Path, members: Iterator[Member]) -> tuple[dict[str, int | None], list[Member]]:
    """The names of all files, each with its checksum where the archive has one, and the links; oddities are refused."""
    names, links = dict[str, int | None](), list[Member]()
    for member in members:
        name = _target_name(path, member.name)
        if member.oddity:
            raise _odd(path, member.name, member.oddity)
        if member.link:
            links.append(member)
        elif not member.is_folder and names.setdefault(name, member.checksum) != member.checksum:
            raise _twice(path, member.name)
    return names, links


def _no_such_folder(path: Path, inner: str) -> DataProblem:
    return DataProblem(
        f"archive:PATH/FOLDER must name a folder inside {escape_name(str(path))}. It has no '{escape_name(inner)}'."
    )


def source_version(argument: str) -> str:
    """Changes when the archive is rewritten."""
    path, inner = _locate(argument)
    status = path.stat()
    return f"{path}|{inner}|{status.st_size}|{status.st_mtime_ns}"


def unpack(path: Path, root: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """All regular files of the archive below `root`, which must be an empty folder.

    Links to files and folders of the archive itself become those; all others are refused.

    Returns:
        What was left out, each with the reason; and sentences on how names were read.

    Raises:
        DataProblem: The archive cannot be read, leads outside, holds devices, or is too large.
    """
    links, left = list[Member](), list[tuple[str, str]]()
    with _explain_faults(path), _members(path) as (members, notes):
        for member in _limit_members(path, members, _limit(path, root)):
            target = root / _target_name(path, member.name)
            if member.oddity:
                raise _odd(path, member.name, member.oddity)
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
    return left, notes


def _limit(path: Path, root: Path) -> int:
    """How many bytes the archive may unpack to below `root`."""
    packed = path.stat().st_size
    return min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * packed), shutil.disk_usage(root).free)


def _limit_members(path: Path, members: Iterator[Member], limit: int) -> Iterator[Member]:
    """The members, as long as they are not too many, and not too large before what they hold is passed over."""
    total = 0
    for count, member in enumerate(members, start=1):
        if count > MAX_FILES:
            raise _too_many(path)
        total += member.size
        if total > limit and not member.oddity:
            raise _too_large(path, limit)
        yield member


def _too_many(path: Path) -> DataProblem:
    return DataProblem(f"{escape_name(str(path))} must hold at most {MAX_FILES:,} files. It has more; split it.")


def _odd(path: Path, name: str, oddity: str) -> DataProblem:
    return DataProblem(
        f"{escape_name(str(path))} must hold files and folders only. '{escape_name(name)}' is {oddity}; pack "
        "the files again."
    )


def _again(path: Path, member: Member, target: Path, left: list[tuple[str, str]]) -> None:
    """A name that comes twice: left out if both files are equal, refused otherwise."""
    assert member.content is not None
    with member.content() as second, target.open("rb") as first:
        same = target.is_file() and member.size == target.stat().st_size
        while same and (block := first.read(BLOCK_BYTES)):
            same = block == second.read(len(block))
    if not same:
        raise _twice(path, member.name)
    left.append((escape_name(member.name), "comes twice in the archive"))


def _twice(path: Path, name: str) -> DataProblem:
    return DataProblem(
        f"Names in {escape_name(str(path))} must differ. '{escape_name(name)}' comes twice with different "
        "content; pack the files "
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
        left.append((escape_name(member.name), "comes twice in the archive"))
    elif source.is_file():
        os.link(source, target)
    elif source.is_dir() and not member.is_hard:
        target.symlink_to(source.resolve(), target_is_directory=True)
    else:
        left.append((escape_name(member.name), "a link to nothing"))


@contextmanager
def _explain_faults(path: Path) -> Iterator[None]:
    """Whatever a parser raises, in a sentence."""
    try:
        yield
    except TltkError:
        raise
    except Exception as fault:  # the parsers of zip, tar and gzip raise a dozen kinds
        raise DataProblem(
            f"{escape_name(str(path))} must be a whole {FORMS}. It cannot be unpacked: "
            f"{escape_name(str(fault)[:160]) or type(fault).__name__}.{_what_it_is(path)} Fetch or pack it again."
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
        while block := content.read(BLOCK_BYTES):
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
            f"Names in {escape_name(str(path))} must stay inside it. Got '{escape_name(name[:200])}'; do not "
            "trust this archive."
        )
    return pure.as_posix()


def _too_large(path: Path, limit: int) -> DataProblem:
    return DataProblem(
        f"{path} may unpack to at most {limit / 1e9:.2f} GB (its size, its compression and the disk set the "
        f"limit). It holds more; unpack it yourself and use folder:PATH."
    )


@contextmanager
def _members(path: Path) -> Iterator[tuple[Iterator[Member], list[str]]]:
    """The members of the archive, one after the other, their contents still to be read; and how names were read."""
    kind = _kind(path)
    if kind == "zip":
        _refuse_many(path)
        with zipfile.ZipFile(path) as file:
            names, notes = _zip_names(path, file.infolist())
            yield _zip_members(file, names), notes
    else:
        with _open_tar(path, kind) as opened:
            guarded = _Guarded(opened)
            with tarfile.open(fileobj=cast(IO[bytes], guarded), mode="r:") as tar:
                yield _tar_members(path, tar, guarded), []


def _open_tar(path: Path, kind: str) -> IO[bytes]:
    """The bytes of a tar, unpacked as they are read."""
    if kind == "gz":
        return cast(IO[bytes], gzip.open(path))
    if kind == "bz2":
        import bz2

        return cast(IO[bytes], bz2.open(path))
    if kind == "xz":
        return cast(IO[bytes], io.BufferedReader(_Xz(path), BLOCK_BYTES))
    return path.open("rb")


class _Xz(io.RawIOBase):
    """An .xz unpacked as it is read: the standard library's reader takes as much memory as a file asks for."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._inner, self._at = self._new_decompressor(), 0

    @staticmethod
    def _new_decompressor() -> Any:
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_WINDOW_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, by reading."""
        return True

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """As many bytes as are at hand, at most so many; 0 at the end."""
        found = b""
        while not found:
            if self._inner.eof:  # several may stand one after the other, with zeros between them
                rest = self._inner.unused_data
                while not (rest := rest.lstrip(b"\0")) and (rest := self._file.read(BLOCK_BYTES)):
                    pass
                if not rest:
                    return 0
                self._inner = self._new_decompressor()
                found = self._inner.decompress(rest, len(buffer))
            else:
                packed = self._file.read(BLOCK_BYTES) if self._inner.needs_input else b""
                if not packed and self._inner.needs_input:
                    raise EOFError("it breaks off")
                found = self._inner.decompress(packed, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def tell(self) -> int:
        """How many bytes have been read."""
        return self._at

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Read on to a place, or from the start again."""
        place += self._at if whence == os.SEEK_CUR else 0
        if whence == os.SEEK_END:
            raise OSError("an .xz does not say how long it is")
        if place < self._at:
            self._file.seek(0)
            self._inner, self._at = self._new_decompressor(), 0
        buffer = bytearray(min(BLOCK_BYTES, max(1, place - self._at)))
        while self._at < place and self.readinto(memoryview(buffer)[: place - self._at]):
            pass
        return self._at


def _kind(path: Path) -> str:
    """zip, gz, bz2, xz or tar, by the first bytes rather than by the name."""
    with path.open("rb") as file:
        head = file.read(8)
    found = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), "")
    if found in ("7z", "rar") or (not found and not path.name.lower().endswith(ENDINGS)):
        form = f" It is a .{found}." if found else _what_it_is(path)
        raise DataProblem(
            f"archive:PATH must name a {FORMS}. Got {escape_name(str(path))}.{form} Unpack it and pack it as "
            "one of them."
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


def _zip_members(file: zipfile.ZipFile, names: list[str]) -> Iterator[Member]:
    for info, name in zip(file.infolist(), names, strict=True):
        kind = stat.S_IFMT(info.external_attr >> 16)
        oddity = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) else "a link or a device"
        if info.flag_bits & 1:
            oddity = "encrypted"
        link = ""
        if kind == stat.S_IFLNK and not oddity:
            with file.open(info) as content:
                link = content.read(MAX_LINK_BYTES).decode("utf-8", "surrogateescape") or "/"
        opened = None if oddity or link else partial(file.open, info)
        yield Member(name, info.file_size, oddity, name.endswith("/"), link, checksum=info.CRC, content=opened)


def _zip_names(path: Path, entries: list[zipfile.ZipInfo]) -> tuple[list[str], list[str]]:
    """The names as their maker meant them, and a sentence where how they are coded had to be guessed.

    A zip says of a name that it is UTF-8, or nothing: then it may be UTF-8 all the same, or of the code page of the
    Windows that packed it, which only the names themselves tell.
    """
    found, raw = list[str](), dict[int, bytes]()
    for i, info in enumerate(entries):
        name = info.filename if info.flag_bits & UTF8 else _in_extra(info)
        if name is None and not info.filename.isascii():
            raw[i] = info.filename.encode("cp437", "replace")  # of which zipfile makes what does not say UTF-8
        found.append(info.filename if name is None else name)
    utf8 = {i: _decode_name(name, "utf-8") for i, name in raw.items()}
    codec, words = "utf-8", ""
    if None in utf8.values() and not all(_is_western(found[i]) for i in raw):
        likely = ((codec, words) for codec, words, must, may in CODES if _fits(raw.values(), codec, must, may))
        codec, words = next(likely, ("utf-8", "code page 437, as DOS had it"))
    for i, coded in raw.items():
        found[i] = _decode_name(coded, codec) or found[i]
    found = [name if "/" in name else name.replace("\\", "/") for name in found]  # Windows' separators are common
    if not words:
        return found, []
    first = found[next(iter(raw))]
    return found, [
        f"Names in {escape_name(path.name)} do not say how their letters are coded. They were read as {words}, such as "
        f"'{escape_name(first)}'; if that is wrong, pack the files again with names in UTF-8."
    ]


def _in_extra(info: zipfile.ZipInfo) -> str | None:
    """The name in UTF-8 that some programs put beside the other; None where there is none, or of another name."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and body[:1] == b"\1":
            own = zlib.crc32(info.orig_filename.encode("cp437", "replace"))
            return _decode_name(body[5:], "utf-8") if int.from_bytes(body[1:5], "little") == own else None
    return None


def _decode_name(name: bytes, codec: str) -> str | None:
    try:
        return name.decode(codec)
    except UnicodeError:
        return None


def _is_western(name: str) -> bool:
    """Whether all that is not ASCII are Latin letters: of Greek, lines and squares nobody makes names."""
    return all(c.isascii() or (c.isalpha() and c < "\u0250") for c in name)


def _fits(names: Iterable[bytes], codec: str, must: str, may: str) -> bool:
    """Whether all names can be of this code: they decode, to letters that it must have and may have."""
    texts = [_decode_name(name, codec) for name in names]
    return all(
        text is not None and text.isprintable() and re.fullmatch(rf"(?:[\x00-\x7f]|{may})*", text) for text in texts
    ) and any(re.search(must, text or "") for text in texts)


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
        """Up to `size` bytes.

        Raises:
            DataProblem: More is asked for than a header may hold.
        """
        if not 0 <= size <= MAX_READ_BYTES:
            raise DataProblem("This archive has a header of many megabytes; do not trust it.")
        self.last = self._file.read(size)
        return self.last


def _locate(argument: str) -> tuple[Path, str]:
    """The archive file, and the folder inside it that the rest of the path names."""
    wanted = argument_path(argument)
    path = next((p for p in (wanted, *wanted.parents) if _is_file(p)), None)
    if path is None:
        what = "a folder: write folder:PATH" if wanted.is_dir() else "nothing there; check the path"
        raise DataProblem(f"archive:PATH must name a {FORMS}. {escape_name(str(wanted))} is {what}.")
    inner = wanted.relative_to(path)
    if ".." in inner.parts:
        raise DataProblem(f"archive:PATH/FOLDER must name a folder inside the archive. Got {argument!r}.")
    return path.resolve(), "" if inner == Path() else inner.as_posix()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the disk
        return False
