"""A run is a folder: `spec.json`, `status.json`, `rows.jsonl`, `checkpoint.safetensors`, `result.json`.

The folder is the truth. It can be copied, zipped and read without us; one process writes it, any
number read it. No torch here: pages read runs.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psutil
from filelock import FileLock

from tltk import home, weightfile
from tltk.errors import RunProblem, UnknownName
from tltk.results import Curve, Row
from tltk.spec import AnySpec, read_spec

ACTIVE = ("waiting", "running")
STATES = (*ACTIVE, "done", "stopped", "failed")
KEPT = ("spec.json", "status.json", "rows.jsonl", "children.jsonl", "result.json", "pictures.png", "log.txt")

KILLED = (
    "Its process was killed, probably because memory ran out. Lower the batch size or the picture size, or raise "
    "the boundary; resuming goes on from the last checkpoint."
)

_row_decoder = msgspec.json.Decoder(Row)


class Status(msgspec.Struct, frozen=True):
    """Where a run stands, as its own process last wrote it."""

    state: str = "waiting"
    message: str = ""
    pid: int = 0
    pid_born: float = 0.0  # start time of that process: a number used again is not taken for it
    epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    device: str = ""
    threads: int = 0
    updated: float = 0.0


class Child(msgspec.Struct, frozen=True):
    """A run that a study started: `role` is source, search or measure."""

    id: str
    arm: str
    role: str
    seed: int
    lr: float


def is_alive(pid: int, born: float) -> bool:
    """Whether this very process still runs; a zombie or a later owner of the number does not count."""
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - born) < 1.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


@dataclass(frozen=True)
class Run:
    """One run folder. Cheap to make; reads the disk when asked."""

    path: Path

    @classmethod
    def create(cls, spec: AnySpec) -> Run:
        """The run of this spec; its folder is made unless it is there already."""
        path = home.room("runs") / spec.run_id
        path.mkdir(exist_ok=True)
        if not (path / "spec.json").exists():
            home.write_whole(path / "spec.json", spec.to_json())
        return cls(path)

    @classmethod
    def open(cls, run_id: str) -> Run:
        """The run of that id; the first digits suffice where only one run has them.

        Raises:
            UnknownName: No run, or several, begin so.
            BadSpec: Not an id.
        """
        home.check_id(run_id.ljust(6, "0") if len(run_id) < 6 else run_id)
        known = [run.id for run in all_runs()]
        hits = [name for name in known if name.startswith(run_id)]
        if len(hits) != 1:
            raise UnknownName.among("A run", run_id, hits or known)
        return cls(home.room("runs") / hits[0])

    @classmethod
    def at(cls, run_id: str) -> Run:
        """The run of exactly this id, whether or not its folder is there."""
        return cls(home.room("runs") / home.check_id(run_id))

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def spec(self) -> AnySpec:
        """What was asked for.

        Raises:
            RunProblem: The folder is gone, or was never a run's.
        """
        try:
            text = (self.path / "spec.json").read_bytes()
        except OSError:
            raise RunProblem(f"Run {self.id} must have a spec.json. There is none in {self.path}.") from None
        return read_spec(text)

    def written_status(self) -> Status:
        """The status as it was last written, whether or not its process still lives."""
        try:
            return msgspec.json.decode((self.path / "status.json").read_bytes(), type=Status)
        except (OSError, msgspec.DecodeError):
            return Status()

    @property
    def status(self) -> Status:
        """Where it stands. A run whose process is gone without a word counts as failed."""
        status = self.written_status()
        if status.state == "running" and not is_alive(status.pid, status.pid_born):
            return msgspec.structs.replace(
                status,
                state="failed",
                message="Its process ended without a word (killed, or the machine went down). "
                "Resume it: it goes on from its last checkpoint.",
            )
        return status

    def write_status(self, **changes: Any) -> None:
        """Change these fields of the status; only the run's own process and its runner do this."""
        new = msgspec.structs.replace(self.written_status(), updated=time.time(), **changes)
        home.write_whole(self.path / "status.json", msgspec.json.encode(new))

    def claim(self, threads: int = 0) -> None:
        """Say that this process runs it now, with so many threads.

        Raises:
            RunProblem: Another live process does already.
        """
        born = psutil.Process().create_time()
        with FileLock(home.home() / "claim.lock"):  # of two that ask at once, one gets it
            status = self.status
            if status.state == "running" and status.pid != os.getpid():
                raise RunProblem(f"Run {self.id} is being run by process {status.pid}; wait for it or stop it.")
            self.write_status(state="running", message="", pid=os.getpid(), pid_born=born, threads=threads)

    def rows(self, since: int = 0, most: int = -1) -> tuple[list[Row], int]:
        """Rows from byte `since` on, and the byte to go on from; a torn last line is left for later.

        `most` limits the bytes that are read at once; −1 = all.
        """
        try:
            with open(self.path / "rows.jsonl", "rb") as file:
                file.seek(since)
                data = file.read(most)
        except OSError:
            return [], since
        whole = data.rfind(b"\n") + 1
        rows = []
        for line in data[:whole].splitlines():
            try:
                rows.append(_row_decoder.decode(line))
            except msgspec.DecodeError:
                continue  # a line that a power cut tore; the run wrote it again after resuming
        return rows, since + whole

    def curve(self, name: str, split: str = "val", x: str = "step") -> Curve:
        """One measured quantity over steps, epochs or seconds (`x`)."""
        rows = [r for r in self.rows()[0] if r.name == name and r.split == split and r.layer is None]
        return Curve(self.id, tuple(float(getattr(r, x)) for r in rows), tuple(r.value for r in rows), x_unit=x)

    def children(self) -> list[Child]:
        """The runs that this study started, in order; empty for a plain run."""
        try:
            lines = (self.path / "children.jsonl").read_bytes().splitlines()
        except OSError:
            return []
        found: dict[str, Child] = {}
        for line in lines:
            try:
                child = msgspec.json.decode(line, type=Child)
            except msgspec.DecodeError:
                continue
            found[child.id + child.role] = child
        return list(found.values())

    def write_children(self, children: Sequence[Child]) -> None:
        """Note which runs this study has started: all of them, whatever was noted before."""
        home.write_whole(self.path / "children.jsonl", b"".join(msgspec.json.encode(c) + b"\n" for c in children))

    def result(self) -> dict[str, Any] | None:
        """What it found, once it is done."""
        try:
            found: dict[str, Any] = msgspec.json.decode((self.path / "result.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return found

    def snapshot(self, epoch: int) -> Path:
        """Where the weights after this epoch are kept; its folder is made on first use."""
        folder = self.path / "snapshots"
        folder.mkdir(exist_ok=True)
        return folder / f"{epoch}.safetensors"

    def snapshots(self) -> list[int]:
        """The epochs whose weights were kept, in order."""
        files = (self.path / "snapshots").glob("*.safetensors")
        return sorted(int(f.stem) for f in files if f.stem.isdecimal())

    @property
    def stop_file(self) -> Path:
        """Its presence asks the run to stop at the next step."""
        return self.path / "STOP"

    def ask_to_stop(self) -> None:
        """Ask for it; nothing where the folder is gone."""
        with contextlib.suppress(OSError):
            self.stop_file.touch()

    def clear(self) -> None:
        """Forget all that was measured, so that the spec can be run anew."""
        if self.status.state == "running":
            raise RunProblem(f"Run {self.id} is running; stop it before running it anew.")
        shutil.rmtree(self.path / "snapshots", ignore_errors=True)
        for child in self.path.iterdir():
            if child.name != "spec.json":
                child.unlink()

    def delete(self) -> None:
        """Remove the folder.

        Raises:
            RunProblem: It is running.
        """
        if self.status.state == "running":
            raise RunProblem(f"Run {self.id} is running; stop it before deleting it.")
        shutil.rmtree(self.path)

    def export(self, weights: bool = False) -> bytes:
        """A zip of the run and of the runs it started: specs, rows, results and logs; see `export_to`."""
        buffer = io.BytesIO()
        self.export_to(buffer, weights)
        return buffer.getvalue()

    def export_to(self, file: BinaryIO, weights: bool = False) -> list[str]:
        """Write a zip of the run and of the runs it started: specs, rows, results and logs.

        Args:
            file: Where to.
            weights: Whether to put their weights in, under timm's names and with the classes in the header, so that
                `timm.create_model(BACKBONE, num_classes=N, checkpoint_path=FILE)` loads them as they are.

        Returns:
            The names of the weight files in the zip.
        """
        found: list[str] = []
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for folder in dict.fromkeys((self.path, *(self.path.parent / c.id for c in self.children()))):
                for name in KEPT:
                    if (folder / name).exists():
                        archive.write(folder / name, f"{folder.name}/{name}")
                if weights and (folder / "model.safetensors").is_file():
                    for name, data in weightfile.for_others((folder / "model.safetensors").read_bytes()).items():
                        archive.writestr(f"{folder.name}/{name}", data, zipfile.ZIP_STORED)
                        found.append(f"{folder.name}/{name}")
        return found


def all_runs() -> list[Run]:
    """Every run in the home, newest first."""
    found = []
    for path in home.room("runs").iterdir():
        with contextlib.suppress(OSError):  # no run, or deleted while we look
            found.append((-(path / "spec.json").stat().st_mtime, path))
    return [Run(path) for _, path in sorted(found)]


def walk(run: Run) -> Iterator[Run]:
    """The run itself, then the runs it started that are still on disk."""
    yield run
    for child in run.children():
        if (run.path.parent / child.id / "spec.json").exists():
            yield Run(run.path.parent / child.id)
