"""Files on their way from a browser: a page opens a place with a token, the route fills it, the page takes it over.

Only who has a page of ours open knows its token, so that no page of another site can write here. Files lie under
numbers, whatever they are called, until they are kept.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec
from starlette.concurrency import run_in_threadpool

from tltk import home
from tltk.dashboard.brought import FREE_BYTES, MAX_BYTES, MAX_FILES
from tltk.errors import BadSpec, UnknownName, machine_errors

MAX_OPEN = 1024  # places at a time; the oldest makes room
MAX_HEAD_BYTES = 2**18  # of the names and sizes of a batch
WRITE_BYTES = 2**20
STALE_SECONDS = 24 * 3600
PREFIX = ".staged-"


@dataclass
class Place:
    """Where the files of one page arrive."""

    folder: Path
    names: list[str] = field(default_factory=list)
    size: int = 0
    busy: bool = False


_places: dict[str, Place] = {}
_lock = threading.Lock()


def begin() -> str:
    """Open a place; its token, which nobody can guess."""
    token = secrets.token_hex(16)
    _remove_stale()
    with _lock:
        while len(_places) >= MAX_OPEN:
            _discard(_places.pop(next(iter(_places))))
        _places[token] = Place(home.folder("pictures") / f"{PREFIX}{token}")
    return token


def is_open(token: str | None) -> bool:
    """Whether files may still arrive under this token."""
    return token in _places


def files(token: str) -> list[tuple[str, Path]]:
    """What has arrived: name and path of each file, in order.

    Raises:
        UnknownName: No such place.
    """
    place = _find(token)
    return [(name, place.folder / str(i)) for i, name in enumerate(place.names)]


def close(token: str) -> None:
    """Remove the place and what is left in it."""
    with _lock:
        place = _places.pop(token, None)
    if place is not None:
        _discard(place)


async def receive(token: str, body: AsyncIterator[bytes], first: bool) -> int:
    """Take in a batch: a line of JSON, `[[name, size], …]`, then the files one after the other.

    Args:
        token: Of the place.
        body: Of the request.
        first: Whether what has arrived before is to be forgotten.

    Returns:
        How many files there are now.

    Raises:
        UnknownName: No such place.
        BadSpec: A batch that is none, too many files, or too large ones.
    """
    place = _find(token)
    if place.busy:
        raise BadSpec("Files must be sent one batch at a time. Another is on its way; wait for it.")
    place.busy = True
    try:
        if first:
            await run_in_threadpool(_discard, place)
            place.names, place.size = [], 0
        await _take_in(place, body)
    finally:
        place.busy = False
    return len(place.names)


async def _take_in(place: Place, body: AsyncIterator[bytes]) -> None:
    begun = b""
    while b"\n" not in begun:
        part = await anext(body, b"")
        begun += part
        if not part or len(begun) > MAX_HEAD_BYTES + WRITE_BYTES:
            raise _no_batch()
    head, _, rest = begun.partition(b"\n")
    wanted = _read_head(place, head)
    held = bytearray(rest)
    with machine_errors(place.folder):
        await run_in_threadpool(place.folder.mkdir, exist_ok=True)
        for name, size in wanted:
            with (place.folder / str(len(place.names))).open("wb") as file:
                held = await _fill(file, size, held, body)
            place.names.append(name)
            place.size += size
    beyond: bytes = await anext(body, b"")
    if held or beyond:
        raise _no_batch()


def _read_head(place: Place, head: bytes) -> list[tuple[str, int]]:
    """Names and sizes, within what is allowed."""
    try:
        wanted = msgspec.json.decode(head, type=list[tuple[str, int]])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _no_batch() from None
    if len(head) > MAX_HEAD_BYTES or any(size < 0 for _, size in wanted):
        raise _no_batch()
    if len(place.names) + len(wanted) > MAX_FILES:
        raise BadSpec(f"At most {MAX_FILES:,} files can be brought at once. There are more; pack them as an archive.")
    size = place.size + sum(size for _, size in wanted)
    if size > MAX_BYTES:
        raise BadSpec(f"At most {MAX_BYTES / 1e9:.1f} GB can be brought at once. These take {size / 1e9:.1f} GB.")
    if size + FREE_BYTES > shutil.disk_usage(place.folder.parent).free:
        raise BadSpec("The disk of the machine that runs the dashboard is nearly full. Bring fewer, or make room.")
    return wanted


async def _fill(file: BinaryIO, size: int, held: bytearray, body: AsyncIterator[bytes]) -> bytearray:
    """Write so many bytes, first those that are held; what came beyond them."""
    while True:
        now = min(len(held), size)
        if now == size or now >= WRITE_BYTES:
            await run_in_threadpool(file.write, bytes(held[:now]))
            held, size = held[now:], size - now
            if not size:
                return held
        part = await anext(body, b"")
        if not part:
            raise _no_batch()
        held += part


def _no_batch() -> BadSpec:
    return BadSpec("A batch must be a line of names and sizes, then the files. This one breaks off or holds more.")


def _find(token: str) -> Place:
    place = _places.get(token)
    if place is None:
        raise UnknownName("This page is no longer known to the server. Reload it, and bring the files again.")
    return place


def _discard(place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)


def _remove_stale() -> None:
    """Remove what servers that were ended left behind."""
    for path in home.folder("pictures").glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
