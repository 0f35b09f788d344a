"""How the server is started: the same settings wherever it is started from."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tltk.dashboard import permitted
from tltk.dashboard.room import SETTING, Settings, now
from tltk.errors import BadSpec
from tltk.serving.hosts import is_loopback

MOST_UPLOAD_MB = 50  # of a file that somebody brings into a room


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


def serve(
    port: int,
    address: str = "",
    roots: Sequence[Path] = (),
    hosts: Sequence[str] = (),
    room: Settings | None = None,
) -> int:
    """Run the dashboard until it is stopped; the server's exit code.

    Args:
        port: On which it listens.
        address: At which it listens; "" = this machine alone, or everywhere where it is a room.
        roots: Folders that its pages may read; none = as `permitted.roots` says.
        hosts: Names besides its address by which browsers may ask for it.
        room: With what it is opened to others; None = it is for one.

    Raises:
        BadSpec: A folder's path holds what parts the paths of TLTK_ROOTS; others could reach it, and it is no room.
    """
    address = address or ("127.0.0.1" if room is None else "0.0.0.0")
    if room is None and not is_loopback(address):
        raise BadSpec(
            f"The dashboard must be a room where others can reach it. Got --address {address} without --room; with "
            f"--room everybody needs its code, or leave --address out to keep it to this machine."
        )
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
    if room is not None:
        os.environ.setdefault("TLTK_ROOTS", "")  # none
        words += ["--server.headless=true", f"--server.maxUploadSize={MOST_UPLOAD_MB}"]
        words.append(f"--browser.serverAddress={_reach(address)}")  # else Streamlit asks a server of others for it
        print(_announce(room, port, address), flush=True)
    elif not os.environ.get("DISPLAY") and sys.platform.startswith("linux"):
        words.append("--server.headless=true")
        print(f"The dashboard is at http://localhost:{port}", flush=True)
    # The server stands in the folder of its settings; what the user may read is seen from where he stands.
    environment = {**os.environ, "TLTK_ROOTS": os.pathsep.join(map(str, permitted.roots(address)))}
    if room is not None:
        environment[SETTING] = msgspec.json.encode(room).decode()
    where = folder if importlib.util.find_spec("tltk") else Path.cwd()
    sys.stdout.flush()
    if os.name == "posix":  # in our place, so that whoever ends us ends the server
        os.chdir(where)
        os.execve(sys.executable, words, environment)
    try:
        return subprocess.call(words, cwd=where, env=environment)
    except KeyboardInterrupt:
        return 0


def _announce(room: Settings, port: int, address: str) -> str:
    """What the one who opens a room must know: who can come in, where, and how."""
    where = _reach(address)
    folders = os.environ["TLTK_ROOTS"] or "none of this machine's (--root FOLDER opens some)"
    limit = f", {room.minutes:g} minutes for a training" if room.minutes else ""
    return "\n".join(
        [
            "This dashboard is a room: whoever reaches its address and has its code can train on this machine.",
            f"  Address          http://{where}:{port}",
            f"  Code             {room.code}",
            f"  Code of teacher  {room.teacher}   (keep it: it may pause the queue and stop or delete any run)",
            f"  Limits           {room.waiting} questions of a person may wait{limit}",
            f"  Folders          {folders}",
            "What is sent is not encrypted; in a network of strangers, put a server with HTTPS before it.",
        ]
    )


def _reach(address: str) -> str:
    """By which name or number others reach a server that listens at this address."""
    if address not in ("0.0.0.0", "::"):
        return f"[{address}]" if ":" in address else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent: it only chooses by which number it would be
        return str(probe.getsockname()[0])
    return socket.gethostname()


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Warm the runner, and take what is loaded by now out of the collector's sight."""
    from tltk.jobs.local import ensure_supervisor

    now()  # takes the codes out of the environment, before a worker inherits it
    ensure_supervisor()
    gc.collect()
    gc.freeze()
    yield
