"""An object store through fsspec, as the few requests that a shared home makes of it, each counted. No torch here."""

from __future__ import annotations

import collections
import contextlib
import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tltk import home
from tltk.errors import BadSpec, MachineProblem, RunProblem, TltkError, machine_errors, truncate

WHOLE_BYTES = 16 << 20  # an object so small is sent by one request
FULL = (errno.ENOSPC, errno.EDQUOT)  # which no store says: the disk of the copy
UNKNOWN_KEYS = ("invalidaccesskeyid", "access key id you provided", "signaturedoesnotmatch", "signature we calculated")
PIECE_BYTES = 8 << 20
TIMEOUTS = {"connect_timeout": 10, "read_timeout": 60}  # seconds


def fault_sentence(fault: Exception, url: str) -> str:
    """What a fault of a store, or of the copy's disk, amounts to: what must hold, what came, what to do.

    Args:
        fault: As a file system of fsspec raises it.
        url: Of the home.
    """
    if isinstance(fault, TltkError):
        return str(fault)
    text, place = truncate(" ".join(str(fault).split()), 300), home.shown(url)
    is_local = isinstance(fault, OSError) and (fault.filename is not None or fault.errno in FULL)
    if is_local and (known := MachineProblem.of(fault)) is not None:
        return str(known)
    kind, said = type(fault).__name__, f"{text} {fault.__cause__}".lower()  # the cause has the store's own code
    if any(words in said for words in ("skewed", "request time and the current time")):
        return f"The clock of this machine must be right, or the store refuses it. It says: {text} Set the clock."
    if "credentials" in kind.lower() or any(words in said for words in UNKNOWN_KEYS):
        return (
            f"The store must know this machine by its keys. It does not: {text} Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or what its package of fsspec reads."
        )
    if isinstance(fault, PermissionError):
        return (
            f"The keys of this machine must be permitted to list, read, write and remove below {place}. The store "
            f"says: {text} Ask whoever gives rights on it."
        )
    if _lacks_bucket(fault):
        return f"The bucket of {place} must exist. The store knows none; make it, or correct TLTK_HOME."
    return f"{kind}: {text}"


def _lacks_bucket(fault: Exception) -> bool:
    """Whether it is the bucket that is not there: of a prefix nothing need be there."""
    said = f"{fault} {fault.__cause__}".lower()
    return isinstance(fault, FileNotFoundError) and ("nosuchbucket" in said or "bucket does not exist" in said)


class Missing(RunProblem):
    """An object that is not there, not yet seen, or not what its name says; to be asked for again."""


class Store:
    """The objects below one URL.

    Args:
        url: Such as s3://bucket/prefix; any that fsspec knows.

    Raises:
        BadSpec: Nothing here can read it.
    """

    def __init__(self, url: str) -> None:
        protocol = url.partition("://")[0]
        options: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": TIMEOUTS}, "file": {"auto_mkdir": True}}
        try:
            from fsspec.core import url_to_fs

            self.fs, root = url_to_fs(url, use_listings_cache=False, **options.get(protocol, {}))
        except ImportError as fault:
            raise BadSpec(
                f"A home at {protocol}:// must have its package of fsspec. It is not installed ({fault}); "
                "`pip install 'tltk[store]'` installs the one of s3://."
            ) from None
        except (ValueError, TypeError) as fault:
            raise BadSpec(
                f"TLTK_HOME must be a path, or a URL that fsspec knows. Got {truncate(home.shown(url))!r}: {fault}."
            ) from None
        self.root = str(root).rstrip("/")
        self.requests: collections.Counter[str] = collections.Counter()

    def _at(self, key: str) -> str:
        return f"{self.root}/{key}"

    def put(self, key: str, data: bytes) -> None:
        """Write a small object whole."""
        self.requests["put"] += 1
        self.fs.pipe_file(self._at(key), data)

    def get(self, key: str, most: int) -> bytes:
        """Read a small object.

        Args:
            key: Of it.
            most: Bytes; a longer one is not read to its end.

        Raises:
            Missing: There is none, or it is longer.
        """
        self.requests["get"] += 1
        with _missing(key):
            data = bytes(self.fs.cat_file(self._at(key), start=0, end=most + 1))
        if len(data) > most:
            raise Missing(f"The object {key} must have at most {most:,} bytes. It has more.")
        return data

    def list(self, key: str) -> dict[str, str]:
        """The objects right below a key: the last part of their names → what changes when they do."""
        path = self._at(key)
        self.fs.invalidate_cache()
        try:
            found = self.fs.ls(path, detail=True)
        except FileNotFoundError as fault:
            if _lacks_bucket(fault):
                raise
            found = []
        self.requests["list"] += 1 + max(len(found) - 1, 0) // 1000  # a store gives a thousand at a time
        marks = ("size", "ETag", "etag", "LastModified", "mtime", "created")
        return {
            str(one["name"]).rpartition("/")[2]: "|".join(str(one[mark]) for mark in marks if mark in one)
            for one in found
            if one.get("type") == "file"
        }

    def remove(self, key: str) -> None:
        """Remove an object, where it is there."""
        self.requests["delete"] += 1
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self._at(key))

    def remove_all(self, key: str) -> None:
        """Remove all objects below a key."""
        self.requests["delete"] += 1
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm(self._at(key), recursive=True)

    def upload(self, key: str, file: BinaryIO, size: int) -> None:
        """Send the first bytes of an open file.

        Args:
            key: Of the object.
            file: Open for reading.
            size: Bytes to send.
        """
        file.seek(0)
        if size <= WHOLE_BYTES:
            self.put(key, file.read(size))
            return
        self.requests["put"] += 2 + -(-size // (50 << 20))  # begin, so many pieces as s3fs makes, end
        with self.fs.open(self._at(key), "wb") as out:
            while size and (piece := file.read(min(size, PIECE_BYTES))):
                out.write(piece)
                size -= len(piece)

    def download(self, key: str, path: Path, size: int, sha: str) -> None:
        """Read an object into a file, which comes to be only when all of it is there and is what it should be.

        Args:
            key: Of the object.
            path: Of the file.
            size: Bytes that it must have.
            sha: Its SHA-256 in hex.

        Raises:
            Missing: There is no such object, or it is another one.
            MachineProblem: The disk is full.
        """
        scratch, digest, left = home.scratch_of(path), hashlib.sha256(), size
        try:
            with machine_errors(path), open(scratch, "wb") as out:
                for piece in self._pieces(key, size):
                    left -= len(piece)
                    digest.update(piece)
                    out.write(piece)
                out.flush()
            if left or digest.hexdigest() != sha:
                raise Missing(f"The object {key} must have the {size:,} bytes and the checksum that are told of it.")
            with machine_errors(path):
                scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def _pieces(self, key: str, size: int) -> Iterator[bytes]:
        if size <= WHOLE_BYTES:
            yield self.get(key, size)
            return
        with _missing(key):
            for start in range(0, size, WHOLE_BYTES):
                self.requests["get"] += 1
                yield bytes(self.fs.cat_file(self._at(key), start=start, end=min(start + WHOLE_BYTES, size)))


@contextlib.contextmanager
def _missing(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"The object {key} must be in the store. It is not, or cannot be seen yet.") from None
