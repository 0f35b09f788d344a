"""Which process runs a run: told by when it started since the machine did, and by a lock that it holds while it lives.

Neither rests on the wall clock, which may be set at any time. No torch here.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache
from pathlib import Path

import psutil

from tltk.errors import machine_errors

TRIES = 1.0  # seconds: whoever only looks whether a lock is held has it for a moment

_held: dict[str, int] = {}  # locks of this process: path → file


@cache
def _boot() -> str:
    """What tells this start of the machine from all others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _since_boot(pid: int) -> tuple[str, str] | None:
    """State and start of a process in ticks since the machine's, from Linux; None elsewhere, and where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # its name may hold blanks
        return fields[0].decode(), fields[19].decode()
    except (OSError, IndexError, ValueError):
        return None


def identity(pid: int) -> str | float:
    """What tells this process from a later one with the same number; 0 where there is none.

    On Linux the machine's start and the process's own since then. Elsewhere its start time, as `psutil` has it.
    """
    if (found := _since_boot(pid)) is not None:
        return f"{_boot()}:{found[1]}"
    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return 0.0


def is_alive(pid: int, born: str | float) -> bool:
    """Whether this very process still runs; a zombie or a later owner of the number does not count.

    Args:
        pid: Its number.
        born: Its `identity`; a number is the start time that earlier versions noted.
    """
    if isinstance(born, str):
        found = _since_boot(pid)
        return found is not None and found[0] not in "ZX" and born == f"{_boot()}:{found[1]}"
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - born) < 1.0 and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, ValueError, OverflowError):
        return False


def hold(path: Path) -> bool:
    """Lock this file until `release` or the end of this process; False where another process has it.

    Where the disk cannot lock, it counts as held: `is_alive` must do then.
    """
    until = time.monotonic() + TRIES
    while not holds(path):
        release(path)
        with machine_errors(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            _lock(file, shared=False)
        except (BlockingIOError, PermissionError):
            os.close(file)
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        except OSError:
            os.close(file)
            return True
        else:
            _held[str(path)] = file  # unless it was removed meanwhile, which the next look tells
    return True


def holds(path: Path) -> bool:
    """Whether this process holds this lock."""
    return str(path) in _held and _is(_held[str(path)], path)


def was_taken(path: Path) -> bool:
    """Whether a lock that this process took is no more, or another's: it was held for dead, as one that slept is."""
    return str(path) in _held and path.parent.is_dir() and not holds(path)


def release(path: Path) -> None:
    """Let go of a lock of this process."""
    if (file := _held.pop(str(path), None)) is not None:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether any process holds this lock."""
    try:
        file = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        _lock(file, shared=True)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _is(file: int, path: Path) -> bool:
    """Whether an open file is the one at this path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


if os.name == "posix":
    import fcntl

    def _lock(file: int, shared: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _forget() -> None:
        """In a fork: the locks are its parent's, and must not outlive it."""
        while _held:
            with contextlib.suppress(OSError):
                os.close(_held.popitem()[1])

    os.register_at_fork(after_in_child=_forget)
else:
    import msvcrt

    def _lock(file: int, shared: bool) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
