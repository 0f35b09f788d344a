"""What a run reads that its spec only names, and whether it is still what lay there: pictures at a path, weights.

A run that is done is not run again for the same spec, so that a study goes on where it was. That holds while the same
things lie behind the names; where they have changed, the run begins again. No torch here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tltk import data, home
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.specs.encoders import vectors_file
from tltk.specs.knobs import Spec
from tltk.specs.training import TransferSpec
from tltk.weights import store, weightfile

FILE = "inputs.json"


def source_version(name: str) -> str:
    """Changes when what lies behind a name does; "" where nothing lies there, or nothing that can change.

    Args:
        name: Of a domain or of weights, as specs have them, or a path.
    """
    kind, _, rest = name.partition(":")
    with contextlib.suppress(TltkError, OSError, ValueError):
        if kind == "store":
            return store.find(rest).card.sha256
        if kind == "run":
            with home.open_file(Run.at(rest.partition("@")[0]).path / "result.json") as file:
                return _digest(file.read())
        if kind == "vectors":
            state = vectors_file(name).stat()
            return _digest(f"{state.st_size} {state.st_mtime_ns}".encode())
        if kind == "file" or Path(name).is_absolute():
            path = Path(rest if kind == "file" else name)
            inside = kind == "file" and (path.is_dir() or path.suffix == ".json")  # its files may change, not itself
            states = [one.stat() for one in (weightfile.identify(path).files if inside else (path,))]
            return _digest(" ".join(f"{s.st_size} {s.st_mtime_ns}" for s in states).encode())
        return data.source_version(name)
    return ""


def source_versions(spec: Spec) -> dict[str, str]:
    """The marks of all names in a spec behind which something lies that can change."""
    return {name: found for name in sorted(set(_names(spec))) if (found := source_version(name))}


def _names(value: Any) -> Iterator[str]:
    """Domains, weights and paths in a spec, also those after a network's name, as in `resnet18@store:mine`."""
    if isinstance(value, Spec):
        for field in dataclasses.fields(value):  # type: ignore[arg-type]
            yield from _names(getattr(value, field.name))
    elif isinstance(value, tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _names(one)
    elif isinstance(value, str):
        yield value
        if not value.startswith("run:"):
            yield from filter(None, [value.partition("@")[2]])


def record_source_versions(run: Run) -> None:
    """Keep the marks of what the run is about to read, unless it began earlier and goes on."""
    if not (run.path / FILE).is_file():
        home.write_atomic(run.path / FILE, msgspec.json.encode(source_versions(run.spec)))


def changed_sources(run: Run) -> list[str]:
    """The names behind which something else lies than when the run began.

    What has gone is no change: the result is then all that is left of it.
    """
    noted: dict[str, str] | None = home.read_json(run.path / FILE, dict[str, str])
    if noted is None:
        return []  # not begun, of a version that kept no marks, or damaged
    return [name for name, then in noted.items() if (now := source_version(name)) and now != then]


def discard_outdated(run: Run) -> None:
    """Put aside what was found about other things than lie there now, or with other threads, unless it runs."""
    names = changed_sources(run)
    if why := _sentence(names) if names else _other_threads(run):
        with home.hold_lock("claim.lock"):
            if run.status.state != "running":
                run.put_aside(why)


def _other_threads(run: Run) -> str:
    """Why a training of an earlier version cannot be taken for that of its spec; "" where it can.

    Until the number of threads was part of the spec, it was that of the machine, and other sums were rounded.
    """
    threads = run.written_status().threads
    spec = run.spec if threads else None
    if not isinstance(spec, TransferSpec) or threads == spec.optim.threads:
        return ""
    return f"It was started again because {threads} threads had computed it and the spec says {spec.optim.threads}."


def discard_unusable(run: Run) -> bool:
    """Put aside what this process, which has claimed the run, cannot go on with: whether there was any.

    That is what was found about other pictures or weights than lie there now: with them the split would be another, and
    what was trained on would be tested on.
    """
    names = changed_sources(run)
    if names:
        run.put_aside(_sentence(names))
    elif home.was_quarantined(run.path / FILE):
        run.put_aside("It was started again because the note of what it had read was damaged.")
    return bool(run.written_status().note) and not (run.path / FILE).exists()


def _sentence(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"It was started again because something else lies there than before: {', '.join(names[:3])}{more}."


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
