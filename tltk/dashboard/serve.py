"""How the server is started: the same settings wherever it is started from."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tltk.dashboard import permitted
from tltk.errors import BadSpec
from tltk.serving.hosts import is_loopback


def app_folder() -> Path:
    """The folder with app.py: the checkout where there is one, else inside the installed wheel."""
    package = Path(__file__).parents[1]
    return next(p for p in (package.parent, package / "_app") if (p / "app.py").is_file())


def flags() -> list[str]:
    """The settings of .streamlit/config.toml as flags, since the file is only read from where one stands."""
    config = tomllib.loads((app_folder() / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    found: list[str] = []

    def visit(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                visit(f"{name}.{key}" if name else key, inner)
        elif name != "server.address" and not isinstance(value, list):  # lists have no flag
            found.append(f"--{name}={str(value).lower() if isinstance(value, bool) else value}")

    visit("", config)
    return found


def serve(port: int, address: str, roots: Sequence[Path] = (), hosts: Sequence[str] = ()) -> int:
    """Run the dashboard until it is stopped; the server's exit code.

    Args:
        port: On which it listens.
        address: At which it listens.
        roots: Folders that its pages may read; none = as `permitted.roots` says.
        hosts: Names besides its address by which browsers may ask for it.

    Raises:
        BadSpec: A folder's path holds what parts the paths of TLTK_ROOTS.
    """
    for root in roots:
        if os.pathsep in str(root):  # which would name others too
            raise BadSpec(f"A folder of --root must have no {os.pathsep!r} in its path. Got {str(root)!r}; rename it.")
    if roots:
        os.environ["TLTK_ROOTS"] = os.pathsep.join(map(str, roots))
    if hosts:
        os.environ["TLTK_HOSTS"] = ",".join([*hosts, os.environ.get("TLTK_HOSTS", "")])
    folder = app_folder()
    words = [sys.executable, "-m", "streamlit", "run", str(folder / "app.py")]
    words += [f"--server.port={port}", f"--server.address={address}", *flags()]
    if not is_loopback(address) or not os.environ.get("DISPLAY") and sys.platform.startswith("linux"):
        words.append("--server.headless=true")
        print(f"The dashboard is at http://{'localhost' if is_loopback(address) else address}:{port}", flush=True)
    if not is_loopback(address) and "TLTK_ROOTS" not in os.environ:
        print("Its users cannot open folders of this machine; --root FOLDER names those that they may.")
    # The server stands in the folder of its settings; what the user may read is seen from where he stands.
    environment = {**os.environ, "TLTK_ROOTS": os.pathsep.join(map(str, permitted.roots(address)))}
    where = folder if importlib.util.find_spec("tltk") else Path.cwd()
    sys.stdout.flush()
    if os.name == "posix":  # in our place, so that whoever ends us ends the server
        os.chdir(where)
        os.execve(sys.executable, words, environment)
    try:
        return subprocess.call(words, cwd=where, env=environment)
    except KeyboardInterrupt:
        return 0


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Warm the runner, and take what is loaded by now out of the collector's sight."""
    from tltk.jobs.local import ensure_supervisor

    ensure_supervisor()
    gc.collect()
    gc.freeze()
    yield
