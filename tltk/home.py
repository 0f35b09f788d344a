"""Where files live: one folder, `TLTK_HOME` or `~/.tltk`, and writes that are whole or not at all."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from tltk.errors import BadSpec

ROOMS = ("runs", "domains", "bank", "columns", "weights", "pictures")


def home() -> Path:
    """The folder of this user's runs and caches; made on first use."""
    root = Path(os.environ.get("TLTK_HOME") or Path.home() / ".tltk").expanduser().absolute()
    root.mkdir(parents=True, exist_ok=True)
    return root


def room(name: str) -> Path:
    """A subfolder of `home()`, made on first use; `name` is one of `ROOMS`."""
    if name not in ROOMS:
        raise BadSpec(f"A room must be one of {', '.join(ROOMS)}. Got {name!r}.")
    path = home() / name
    path.mkdir(exist_ok=True)
    return path


def check_id(text: str) -> str:
    """`text` when it can be the id of a run or a cache entry: 6 to 64 hex digits, no path.

    Raises:
        BadSpec: Anything else, so that an id from a URL can never name another file.
    """
    if not re.fullmatch(r"[0-9a-f]{6,64}", text):
        raise BadSpec(f"An id must be hex digits, such as 3f9ac1d20b7e. Got {text[:80]!r}.")
    return text


def write_whole(path: Path, data: bytes | str) -> None:
    """Write so that a reader, or the disk after a power cut, has the old file or the new one."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(scratch, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
