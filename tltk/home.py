"""Where files live: one folder, `TLTK_HOME` or `~/.tltk`, and writes that are whole or not at all.

Where `TLTK_HOME` is the URL of an object store, the folder is this machine's copy of it, which `tltk.runs.sync` keeps.

What lies there may have been damaged by a disk, a copy or a hand. `read_json` is the one reader: what cannot be what it
should be is set aside under another name, said in a sentence, and counts as absent.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import logging
import os
import platform
import re
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import psutil
from filelock import FileLock

from tltk.errors import BadSpec, machine_errors, truncate

FOLDERS = ("runs", "domains", "bank", "columns", "weights", "pictures", "downloads", "exports", "trash", "slurm")
_KINDS = "nfs nfs4 cifs smb3 smbfs 9p afs ceph lustre gpfs beegfs orangefs pvfs2 ocfs2 gfs2 virtiofs "
_KINDS += "fuse.sshfs fuse.glusterfs fuse.ceph fuse.juicefs fuse.s3fs fuse.rclone"
NETWORKED = frozenset(_KINDS.split(" "))  # file systems that several machines may see at once
DAMAGED = ".damaged"  # ends the names of files that were set aside
MAX_USER_FILE_BYTES = 1 << 20  # of a file written by hand: a spec, a recipe
STALE_SECONDS = 24 * 3600  # after which a temporary file is taken to be abandoned
_SCRATCH = re.compile(r"\..+\.(\d{1,9})\.\d+\.tmp")

T = TypeVar("T")
_log = logging.getLogger(__name__)


def home() -> Path:
    """The folder of this user's runs and caches; made on first use.

    Raises:
        BadSpec: TLTK_HOME names the folder of a user who does not exist.
        MachineProblem: It can be neither found nor made.
    """
    if url := address():
        asked = os.environ.get("TLTK_MIRROR", "")
        usual = f"~/.cache/tltk/{_code(url)}"
        root = _copy_of(url, expand_path(asked or usual, "TLTK_MIRROR"), bool(asked))
    else:
        root = expand_path(os.environ.get("TLTK_HOME") or "~/.tltk", "TLTK_HOME")
    with machine_errors(root):
        _make(root)
    return root


def address() -> str:
    """The object store that the home lies in, as in s3://bucket/prefix; "" = it is a folder."""
    text = os.environ.get("TLTK_HOME", "").strip()
    return text.rstrip("/") if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) else ""


def _code(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown(url: str) -> str:
    """The URL of a store as sentences have it: without a password or a key."""
    url = re.sub(r"([?&][^=&]*=)[^&]*", r"\1…", url)
    return re.sub(r"://.*@", "://…@", url) if _has_key(url) else url


def _has_key(url: str) -> bool:
    """Whether a password, or of S3 any word, stands before the host. Of some stores a name there is no secret."""
    return re.match(r"s3a?://.*@|[^:]+://[^/@]*:.*@", url) is not None


class _Copy(msgspec.Struct, frozen=True):
    """What lies in a copy of a home: of which one, and whose it is.

    Attributes:
        home: Hash of its URL.
        shown: That URL, without what may be a key.
        host: The machine; on a disk of several that tells whose copy it is.
    """

    home: str
    shown: str = ""
    host: str = ""


@functools.cache
def _copy_of(url: str, root: Path, is_asked: bool) -> Path:
    """The folder of this machine's copy of a home: of no other home, and of no other machine.

    Args:
        url: Of the home.
        root: Where it is to be.
        is_asked: Whether TLTK_MIRROR says so; else it may be another folder beside.

    Raises:
        BadSpec: The URL holds a key; or the folder that was asked for is another copy.
        MachineProblem: It can be neither found nor made.
    """
    if _has_key(url):
        raise BadSpec(
            "The URL of a home must hold no key and no password, since pages and logs show it. Got "
            f"{truncate(shown(url))!r}; leave out what stands before the @, and set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or what the store's package of fsspec reads."
        )
    code = _code(url)
    own = _Copy(code, shown(url), platform.node())
    there = _whose(root, own)
    if not is_asked and there.host != own.host and is_networked(root):
        root = root.with_name(f"{code}-{_code(own.host)[:8]}")
        there = _whose(root, own)
    if there.home != own.home:
        raise BadSpec(
            f"TLTK_MIRROR must be a folder of its own for each home. {root} is the copy of {truncate(there.shown)}, "
            f"and TLTK_HOME is {truncate(own.shown)}; name another folder, or unset TLTK_MIRROR."
        )
    if there.host != own.host and is_networked(root):
        raise BadSpec(
            f"TLTK_MIRROR must be a folder of its own for each machine. {root} lies on a disk of several and is the "
            f"copy of {truncate(there.host)}; name a folder of this machine, or unset TLTK_MIRROR."
        )
    return root


def _whose(root: Path, own: _Copy) -> _Copy:
    """What a folder is the copy of; `own`, which is noted, where nothing says otherwise."""
    path = root / "copy.json"
    with machine_errors(root):
        _make(root)
    found: _Copy | None = read_json(path, _Copy)
    if found is None:
        write_atomic(path, msgspec.json.encode(own))
    return found or own


def is_networked(path: Path) -> bool:
    """Whether a disk is one that several machines may see at once, as far as Linux tells; `TLTK_NETWORK_HOME` says it.

    Args:
        path: Of a folder that is there.
    """
    said = os.environ.get("TLTK_NETWORK_HOME", "")
    if said in ("0", "1"):
        return said == "1"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return file_system(path.resolve(), mounts) in NETWORKED


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that a path lies in; "" where that is not told.

    Args:
        path: Absolute, without links.
        mounts: As Linux lists them in /proc/self/mountinfo.
    """
    longest, found = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) > 4 and kind:
            place = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4]))
            if path.is_relative_to(place) and len(place.parts) >= longest:  # of two at one place the later one is seen
                longest, found = len(place.parts), kind[0]
    return found


def folder(name: str) -> Path:
    """A subfolder of `home()`, made on first use; `name` is one of `FOLDERS`.

    Raises:
        BadSpec: Another name.
    """
    if name not in FOLDERS:
        raise BadSpec(f"A folder of the home must be one of {', '.join(FOLDERS)}. Got {name!r}.")
    path = home() / name
    with machine_errors(path):
        _make(path)
    return path


def _make(folder: Path) -> None:
    """A folder, where there is none yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        folder.stat()  # of a link it says where that leads: to nothing, or round in a circle
        raise


def check_writable() -> None:
    """Refuse a home in which nothing can be written, before anything else is begun.

    Raises:
        BadSpec, MachineProblem: It cannot be found, made or written.
    """
    with machine_errors(home()), tempfile.TemporaryFile(dir=home()) as file:
        file.write(b"tltk")


def expand_path(text: str, what: str = "A path") -> Path:
    """A path as the user wrote it, made absolute: `~` is the user's folder.

    Raises:
        BadSpec: It begins with ~ and an unknown user, or holds characters that no path can.
    """
    if "\0" in text:
        raise BadSpec(f"{what} must be a path. Got {text[:80]!r}, which holds a null character.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # no such user
        raise BadSpec(
            f"{what} that begins with ~ must name a user of this machine. Got {text[:80]!r}; write the path out."
        ) from None


def setting(name: str, usual: float, least: float = 0.0) -> float:
    """A number from the environment; where it is none, the usual one, and a sentence in the log.

    Args:
        name: Environment variable.
        usual: Taken where the variable is unset, empty or no such number.
        least: Smallest value that is accepted.
    """
    text = os.environ.get(name, "").strip()
    try:
        found = float(text) if text else usual
        if not least <= found < float("inf"):
            raise ValueError
    except ValueError:
        _log.warning("%s must be a number of at least %g. Got %r; %g is taken.", name, least, text[:40], usual)
        return usual
    return found


def check_id(text: str) -> str:
    """`text` when it can be the id of a run or a cache entry: 6 to 64 hex digits, no path.

    Raises:
        BadSpec: Anything else, so that an id from a URL can never name another file.
    """
    if not re.fullmatch(r"[0-9a-f]{6,64}", text):
        raise BadSpec(f"An id must be hex digits, such as 3f9ac1d20b7e. Got {text[:80]!r}.")
    return text


@contextlib.contextmanager
def hold_lock(name: str, timeout: float = -1) -> Iterator[None]:
    """Hold a lock of this home inside.

    Args:
        name: Of the lock.
        timeout: Seconds to wait for it; negative = without limit.

    Raises:
        Timeout: Another has it.
        MachineProblem: The home cannot be used.
    """
    with hold_lock_at(home() / name, timeout):
        yield


@contextlib.contextmanager
def hold_lock_at(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock of this path inside; see `hold_lock`."""
    held = FileLock(path, timeout=timeout)
    acquire(held)
    try:
        yield
    finally:
        held.release()


def acquire(lock: FileLock, timeout: float | None = None) -> None:
    """Take a lock; what the machine has against it is raised as a sentence.

    Raises:
        Timeout: Another has it.
        MachineProblem: The home cannot be used.
    """
    with machine_errors(lock.lock_file):
        try:
            lock.acquire(timeout=timeout)
        except NotImplementedError:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), lock.lock_file) from None


# -- writing ----------------------------------------------------------------------------------------


def write_atomic(path: Path, data: bytes | str | Sequence[bytes | memoryview]) -> None:
    """Write so that a reader, or the disk after a power cut, has the old file or the new one.

    A folder that lies there in its place is set aside.

    Args:
        path: Of the file.
        data: All of it, or its pieces in order.

    Raises:
        MachineProblem: The disk is full, or may not be written.
    """
    scratch = scratch_of(path)
    with machine_errors(path):
        try:
            with open(scratch, "wb") as file:
                whole = data.encode() if isinstance(data, str) else data
                file.writelines([whole] if isinstance(whole, bytes) else whole)
                file.flush()
                os.fsync(file.fileno())
            if path.is_dir():
                quarantine(path, "it is a folder")
            os.replace(scratch, path)
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)


def scratch_of(path: Path) -> Path:
    """The temporary file beside a file that is being written: `remove_temporary_files` knows whose it is."""
    return path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")


def remove(path: Path) -> None:
    """Remove what lies there, be it a file or a folder; nothing where it has gone meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_temporary_files(folder: Path) -> None:
    """Remove the temporary files of writers that were killed."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.tmp"):
            found = _SCRATCH.fullmatch(path.name)
            if found is None:
                continue
            writes = int(found[1]) == os.getpid() or psutil.pid_exists(int(found[1]))
            with contextlib.suppress(OSError):
                if not writes or abs(time.time() - path.stat().st_mtime) > STALE_SECONDS:
                    path.unlink()


# -- reading ----------------------------------------------------------------------------------------


def read_user_file(path: Path, what: str) -> bytes:
    """The content of a file that the user wrote and named, such as a spec, of at most a megabyte.

    Args:
        path: The file, or a pipe.
        what: How the sentence calls it.

    Raises:
        BadSpec: It cannot be read, is a device, or is longer.
    """
    try:
        with open(path, "rb") as file:
            kind = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
                raise BadSpec(f"{what} must be a file. {str(path)[:200]} is a device.")
            data = file.read(MAX_USER_FILE_BYTES + 1)
    except (OSError, ValueError) as fault:
        if isinstance(fault, BadSpec):
            raise
        why = getattr(fault, "strerror", None) or fault
        raise BadSpec(f"{what} must name a JSON file. {truncate(str(path))!r} cannot be read: {why}.") from None
    if len(data) > MAX_USER_FILE_BYTES:
        raise BadSpec(f"{what} must be no longer than {MAX_USER_FILE_BYTES >> 20} MB. {str(path)[:200]} is longer.")
    return data


def open_file(path: Path) -> BinaryIO:
    """One of tltk's own files, opened for reading. Pipes and devices are refused: a read from them may never end.

    Raises:
        OSError: There is none, or it is no file.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return os.fdopen(number, "rb")


def decode_json(data: bytes, kind: type[T] | Any = Any) -> T:
    """JSON as this type.

    Raises:
        ValueError: It is no JSON, of another type, or nested without end.
    """
    try:
        data.decode()  # names of fields that the type does not have are skipped unread, whatever bytes they hold
        found: T = msgspec.json.decode(data, type=kind)
        return found
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as fault:
        raise ValueError(str(fault)) from None


def read_json(path: Path, kind: type[T] | Any = Any) -> T | None:
    """What this file of ours holds; None where there is none, or none that can be read.

    A file that is damaged is set aside.
    """
    try:
        with open_file(path) as file:
            seen = os.fstat(file.fileno())
            data = file.read()
    except IsADirectoryError:
        quarantine(path, "it is no file")
        return None
    except OSError:
        return None
    try:
        found: T = decode_json(data, kind)
        return found
    except ValueError as fault:
        with contextlib.suppress(OSError):
            if os.path.samestat(seen, path.stat()):  # else it was written whole meanwhile
                quarantine(path, "it is empty" if not data else str(fault))
        return None


def quarantine(path: Path, why: str) -> Path | None:
    """Rename a damaged file, so that it neither blocks its name nor is lost; None if that is not possible."""
    number = 1
    while (aside := path.with_name(path.name + DAMAGED + (f".{number}" if number > 1 else ""))).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as fault:
        _log.warning("%s is damaged (%s) and cannot be set aside: %s.", path, why[:200], fault.strerror)
        return None
    _log.warning("%s was damaged (%s). It was set aside as %s.", path, why[:200], aside.name)
    return aside


def was_quarantined(path: Path) -> bool:
    """Whether a file of this name was set aside and none has been written since."""
    return not path.exists() and path.with_name(path.name + DAMAGED).exists()
