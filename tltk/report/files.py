"""The formats of a report, by the end of the file's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from tltk.errors import BadSpec
from tltk.report.content import content, ledger_of, read, versions
from tltk.report.numbers import as_csv
from tltk.report.page import page
from tltk.runs.run import Run
from tltk.specs import command


def html_bytes(run: Run) -> bytes:
    """A page that needs no network."""
    return page(content(run)).encode()


def csv_bytes(run: Run) -> bytes:
    """The figures as a table, in UTF-8."""
    return as_csv(read(run)).encode()


def json_bytes(run: Run) -> bytes:
    """What was asked and found, the command that asks for it, and versions."""
    found, spec = read(run), run.spec
    body = {
        "id": run.id,
        "kind": spec.kind,
        "spec": json.loads(spec.to_json()),
        "command": command.to_command(spec),
        "versions": versions(),
        "result": msgspec.to_builtins(found),
        "ledger": msgspec.to_builtins(ledger_of(run)),
    }
    return json.dumps(body, indent=1, ensure_ascii=False).encode()


FORMATS: dict[str, Callable[[Run], bytes]] = {".html": html_bytes, ".csv": csv_bytes, ".json": json_bytes}


def format_of(file: Path) -> Callable[[Run], bytes]:
    """What makes the file of this name.

    Raises:
        BadSpec: Its name ends in no format of ours.
    """
    found = FORMATS.get(file.suffix.lower())
    if found is None:
        raise BadSpec(f"FILE must end in {', '.join(FORMATS)}, which says what is written. Got {file.name!r}.")
    return found
