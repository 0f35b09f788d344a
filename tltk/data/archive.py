"""A .zip or .tar of one's own pictures, in the form of `folder`; unpacked, decoded, and removed again.

An archive comes from outside: names that lead out of the folder, links, devices, too many or too large
files, and bombs are refused before a byte of them is written.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from tltk import home
from tltk.data.domain import Domain, Progress, path_of
from tltk.data.folder import read_tree
from tltk.errors import DataProblem, TltkError
from tltk.spec import DataSpec

MAX_FILES = 500_000
MAX_BYTES = 16 * 2**30
MAX_RATIO, FREE_BYTES = 100, 64 * 2**20  # unpacked over packed; small archives may be packed tighter
MAX_READ = 16 * 2**20  # nothing in a tar is read in one go but headers, and these are small
BLOCK = 2**20

Member = tuple[str, int, str, bool, IO[bytes] | None]  # name, bytes, what else it is, is folder, content


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
        unpack(path, root)
        if inner and not (root / inner).is_dir():
            raise DataProblem(f"archive:PATH/FOLDER must name a folder inside {path}. It has no {inner!r}.")
        return read_tree(root / inner, spec, progress, source=str(path / inner))


def stamp(argument: str) -> str:
    """Changes when the archive is written anew."""
    path, inner = _locate(argument)
    status = path.stat()
    return f"{path}|{inner}|{status.st_size}|{status.st_mtime_ns}"


def unpack(path: Path, root: Path) -> None:
    """All regular files of the archive below `root`, which must be an empty folder.

    Raises:
        DataProblem: The archive cannot be read, leads outside, holds links, or is too large.
    """
    packed = path.stat().st_size
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * packed), shutil.disk_usage(root).free)
    total = 0
    try:
        with _members(path) as members:
            for count, (name, size, oddity, is_folder, content) in enumerate(members, start=1):
                if count > MAX_FILES:
                    raise DataProblem(f"{path} must hold at most {MAX_FILES:,} files. It has more; split it.")
                target = _target(path, root, name)
                if oddity:
                    raise DataProblem(
                        f"{path} must hold files and folders only. {name!r} is {oddity}; pack the files anew."
                    )
                total += size
                if total > limit:
                    raise _too_large(path, limit)
                if is_folder:
                    target.mkdir(parents=True, exist_ok=True)
                elif content is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _write(path, content, target, size)
    except TltkError:
        raise
    except Exception as fault:  # the parsers of zip, tar and gzip raise a dozen kinds
        raise DataProblem(
            f"{path} must be a whole .zip, .tar or .tar.gz. It cannot be unpacked: "
            f"{str(fault)[:160] or type(fault).__name__}. Fetch or pack it again."
        ) from None


def _write(path: Path, content: IO[bytes], target: Path, size: int) -> None:
    """Copy `size` bytes, never more: what the directory says is not trusted."""
    written = 0
    with content, target.open("xb") as file:
        while block := content.read(BLOCK):
            written += len(block)
            if written > size:
                raise DataProblem(f"{path} is damaged: {target.name} is larger than it says. Pack it anew.")
            file.write(block)
    if written < size:
        raise DataProblem(f"{path} is damaged: {target.name} breaks off. Fetch or pack it again.")


def _target(path: Path, root: Path, name: str) -> Path:
    """Where a member goes; only names that stay below the root."""
    pure = PurePosixPath(name)
    odd = "\\" in name or "\0" in name or ":" in name.split("/")[0]
    if odd or pure.is_absolute() or ".." in pure.parts:
        raise DataProblem(
            f"Names in {path} must stay inside it. Got {name[:200]!r}; do not trust this archive."
        )
    return root.joinpath(*pure.parts)


def _too_large(path: Path, limit: int) -> DataProblem:
    return DataProblem(
        f"{path} may unpack to at most {limit / 1e9:.2f} GB (its size, its compression and the disk set the "
        f"limit). It holds more; unpack it yourself and use folder:PATH."
    )


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    """The members of the archive, one after the other, each with its content still to be read."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as file:
            yield _zip_members(file)
    else:
        plain = path.suffix.lower() == ".tar"
        with path.open("rb") if plain else gzip.open(path) as opened:
            guarded = _Guarded(cast(IO[bytes], opened))
            with tarfile.open(fileobj=cast(IO[bytes], guarded), mode="r:") as tar:
                yield _tar_members(path, tar, guarded)


def _zip_members(file: zipfile.ZipFile) -> Iterator[Member]:
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        oddity = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "a link or a device"
        if info.flag_bits & 1:
            oddity = "encrypted"
        plain = not info.is_dir() and not oddity
        yield info.filename, info.file_size, oddity, info.is_dir(), file.open(info) if plain else None


def _tar_members(path: Path, tar: tarfile.TarFile, guarded: _Guarded) -> Iterator[Member]:
    for info in tar:
        oddity = "" if info.isreg() or info.isdir() else "a link or a device"
        size = info.size if info.isreg() else 0
        # Content is opened at once but read by the caller, after the size was counted.
        yield info.name, size, oddity, info.isdir(), tar.extractfile(info) if info.isreg() else None
    if guarded.last != bytes(tarfile.BLOCKSIZE):  # tarfile itself takes a torn header for the end
        count = len(tar.getmembers())
        raise DataProblem(f"{path} is damaged: it breaks off after {count} files. Fetch it again.")


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
    path = next((p for p in (wanted, *wanted.parents) if p.is_file()), None)
    if path is None:
        what = "a folder: write folder:PATH" if wanted.is_dir() else "nothing there; check the path"
        raise DataProblem(f"archive:PATH must name a .zip, .tar or .tar.gz. {wanted} is {what}.")
    if not path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        raise DataProblem(
            f"archive:PATH must name a .zip, .tar or .tar.gz. Got {path}; pack it as one of them."
        )
    inner = wanted.relative_to(path)
    if ".." in inner.parts:
        raise DataProblem(f"archive:PATH/FOLDER must name a folder inside the archive. Got {argument!r}.")
    return path.resolve(), "" if inner == Path() else inner.as_posix()
