"""Machines that share a home in an object store, in one process, and a store that breaks on demand."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem

from tltk import home
from tltk.errors import TltkError
from tltk.results.rows import Row
from tltk.runs import fetching, sending
from tltk.runs.mirror import Copy
from tltk.runs.objects import Store
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec

SPEC = TransferSpec(target=DataSpec("digits"))


class Broken(ConnectionError):
    """The link broke."""


class Unreliable(MemoryFileSystem):
    """A store that is late, stale, or breaks: in the middle of a write too.

    Attributes:
        down: Whether nothing can be reached.
        share: Of requests that break, half of them when their work is done and half when it is not.
        late: Whether new objects are left out of lists, and manifests that were written over read as before.
    """

    protocol = "unreliable"
    cachable = False
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    down, share, late = False, 0.0, False
    dice = random.Random(0)
    before: dict[str, bytes] = {}
    hidden: set[str] = set()

    @classmethod
    def clean(cls) -> None:
        """Empty, and whole."""
        cls.store, cls.pseudo_dirs, cls.before, cls.hidden = {}, [""], {}, set()
        cls.down, cls.share, cls.late, cls.dice = False, 0.0, False, random.Random(0)

    @classmethod
    def heal(cls) -> None:
        """Reachable, and up to date."""
        cls.down, cls.share, cls.late = False, 0.0, False
        cls.before.clear()
        cls.hidden.clear()

    def _cross(self) -> None:
        if self.down or self.dice.random() < self.share / 2:
            raise Broken("the link is down")

    def _return(self) -> None:
        if self.dice.random() < self.share / 2:
            raise Broken("the answer was lost")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        self._cross()
        name = self._strip_protocol(path)
        if self.share and self.dice.random() < self.share / 2:
            super().pipe_file(path, value[: len(value) // 2], mode, **kwargs) if "/manifests/" not in name else None
            raise Broken("the link broke in the middle")
        if self.late:
            if name in self.store:
                self.before[name] = bytes(self.store[name].getvalue())
            else:
                self.hidden.add(name)
        super().pipe_file(path, value, mode, **kwargs)
        self._return()

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        self._cross()
        name = self._strip_protocol(path)
        if name in self.before and self.dice.random() < 0.5:
            return self.before[name][start:end]
        return bytes(super().cat_file(path, start, end, **kwargs))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        self._cross()
        return [one for one in super().ls(path, detail=True, **kwargs) if one["name"] not in self.hidden]

    def rm_file(self, path: str) -> None:
        self._cross()
        super().rm_file(path)
        self._return()


register_implementation("unreliable", Unreliable, clobber=True)


class Machine:
    """One machine with its copy of the home.

    Args:
        folder: Of the copy.
        url: Of the home.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.copy = Copy(folder, Store(url))
        self.heard = list[str]()  # what was refused

    def hear(self, run: str, fault: Exception) -> None:
        """As the process that carries does: a fault of ours is about one run, any other about the link."""
        if not isinstance(fault, TltkError):
            raise fault
        self.heard.append(str(fault))

    def restart(self) -> None:
        """The process that carries is another one now."""
        self.copy = Copy(self.folder, Store(self.url))

    @contextmanager
    def here(self) -> Iterator[None]:
        """Inside, this process is on this machine."""
        names = {"TLTK_HOME": self.url, "TLTK_MIRROR": str(self.folder), "TLTK_SYNC": "0"}
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(names)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def carry(self) -> None:
        """Fetch, then send, whatever is refused."""
        with self.here():
            for work in (fetching.pull, sending.push):
                try:
                    work(self.copy, self.hear)
                except Broken:
                    continue

    def begin(self, spec: TransferSpec = SPEC, state: str = "stopped", **status: Any) -> Run:
        """A run of this spec, taken up here."""
        with self.here():
            run = Run.create(spec)
            run.write_status(state=state, message=f"by {self.folder.name}", **status)
            return run

    def run(self, spec: TransferSpec = SPEC) -> Run:
        """The run of this spec as it lies here."""
        return Run(self.folder / "runs" / spec.run_id)

    def write_rows(self, n: int, first: int = 0, value: float = 0.0, spec: TransferSpec = SPEC) -> None:
        """Append rows, whose `value` tells who wrote them."""
        with open(self.run(spec).path / "rows.jsonl", "ab") as file:
            for step in range(first, first + n):
                file.write(msgspec.json.encode(Row(1, step, 0.5, "val", "loss", value + step)) + b"\n")

    def end(self, spec: TransferSpec = SPEC, accuracy: float = 0.5) -> None:
        """The result, then the status."""
        with self.here():
            run = self.run(spec)
            home.write_atomic(run.path / "result.json", msgspec.json.encode({"accuracy": accuracy}))
            run.write_status(state="done", message="")


def values(run: Run) -> list[float]:
    """What the rows of a run say."""
    return [row.value for row in run.rows()[0]]
