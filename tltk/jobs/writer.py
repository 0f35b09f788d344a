"""The rows of a training as it writes them, and its checkpoint beside them."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec

from tltk import home
from tltk.errors import machine_errors
from tltk.jobs import provenance
from tltk.results.rows import Row
from tltk.runs.run import Run
from tltk.training import checkpoint

STATUS_SECONDS = 0.3  # between two writings of the status


class RowWriter:
    """The open `rows.jsonl` of a run, cut back to its checkpoint when it goes on from one.

    Args:
        run: Whose rows.
        epochs: How many it will have.
        device: Where it computes.
        share: How many runs this process trains at once: each one's status is written as much more rarely.
    """

    def __init__(self, run: Run, epochs: int, device: str, share: int = 1) -> None:
        self.run = run
        self.saved = checkpoint.read(run.path / "checkpoint.safetensors")
        rows = run.path / "rows.jsonl"
        if self.saved is not None and not run.has_rows(self.saved[1]["rows"]):
            run.put_aside("It was started again because the rows up to its checkpoint were damaged.")
            print(f"Run {run.id}: {run.written_status().note}", flush=True)
            provenance.record_source_versions(run)
            self.saved = None
        if rows.exists() and not rows.is_file():
            home.quarantine(rows, "it is no file")
        with machine_errors(rows):
            self._file = open(rows, "ab")  # noqa: SIM115
        self._file.truncate(self.saved[1]["rows"] if self.saved else 0)
        self._file.seek(0, os.SEEK_END)
        self._told, self._pause = 0.0, STATUS_SECONDS * share
        run.write_status(epochs=epochs, device=device)

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def emit(self, rows: list[Row]) -> None:
        """Append whole lines and, now and then, say how far the run is."""
        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        self._file.flush()
        if rows and time.monotonic() - self._told > self._pause:
            self._told = time.monotonic()
            # What was said of the work before an epoch is past once the epoch is.
            past = {"message": ""} if rows[-1].epoch else {}
            self.run.write_status(epoch=rows[-1].epoch, seconds=rows[-1].seconds, **past)

    def save(self, tensors: dict[str, Any], state: dict[str, Any]) -> None:
        """The checkpoint, after the rows that belong to it are surely on disk."""
        os.fsync(self._file.fileno())
        checkpoint.write(self.run.path / "checkpoint.safetensors", tensors, {**state, "rows": self._file.tell()})


class Reader:
    """What the other processes of a training have in its place: they go on from the checkpoint, and write nothing.

    Args:
        run: Whose checkpoint.
        epochs: Passed over, as is the device.
        device: As above.
    """

    save = None

    def __init__(self, run: Run, epochs: int, device: str) -> None:
        self.saved = checkpoint.read(run.path / "checkpoint.safetensors")

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def emit(self, rows: list[Row]) -> None:
        """Nothing."""
