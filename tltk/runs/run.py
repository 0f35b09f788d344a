"""A run is a folder: `spec.json`, `status.json`, `rows.jsonl`, `checkpoint.safetensors`, `result.json`.

The folder is the truth. It can be copied, zipped and read without us; one process writes it and holds its `lock`
meanwhile, any number read it. What was found before it was run again, or before its pictures or weights changed, lies
under `earlier/`; what somebody wrote on it in `label.json`, what was predicted of it in `predicted.json`. No torch
here: pages read runs.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from tltk import home
from tltk.errors import BadSpec, RunProblem, TltkError, UnknownName, machine_errors
from tltk.results.curves import Curve
from tltk.results.rows import Row
from tltk.runs import label as labels
from tltk.runs import predictions, process, trash
from tltk.runs.label import Label
from tltk.runs.predictions import Prediction
from tltk.runs.process import is_alive
from tltk.specs.knobs import Spec
from tltk.specs.reading import read_spec

ACTIVE = ("waiting", "running")
STATES = (*ACTIVE, "done", "stopped", "failed")
KEPT = (
    "spec.json",
    "status.json",
    labels.FILE,
    predictions.FILE,
    "rows.jsonl",
    "children.jsonl",
    "result.json",
    "pictures.png",
    "predictions.safetensors",
    "log.txt",
)
LOCK = "lock"  # held by the process that runs it, for as long as it lives
CLUSTER = "slurm.json"  # which jobs of Slurm have it, where they do
EARLIER = "earlier"  # folder of the attempts before this one: 1, 2, …
FOREIGN = 10**6  # from this number on an attempt is another machine's, made at the same time (`tltk.runs.mirror`)
MODEL = "model.safetensors"  # the weights that it ended with

LAST = ("rows.jsonl", "result.json", "inputs.json")  # of what is put aside
AGAIN = "It was run again because somebody asked for it."

KILLED = (
    "Its process was killed, probably because memory ran out. Lower the batch size or the picture size, or raise "
    "the boundary; resuming continues from the last checkpoint."
)

T = TypeVar("T")

BEAT_SECONDS = 10.0  # between two signs of life of a run's process
SILENT_SECONDS = 90.0  # without one, a process on another machine counts as dead

SPENT = ("images", "gflops")  # rows of an epoch that a curve can run over
MOST = 2**53  # of any count: what is larger is no count but damage
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]

_row_decoder = msgspec.json.Decoder(Row)


class Status(msgspec.Struct, frozen=True):
    """Where a run stands, as its own process last wrote it."""

    state: Literal["waiting", "running", "done", "stopped", "failed"] = "waiting"
    message: str = ""
    pid: Count = 0
    pid_born: str | float = 0.0  # `identity` of that process: a number used again is not taken for it
    epoch: Count = 0
    epochs: Count = 0
    seconds: float = 0.0
    device: str = ""
    threads: Count = 0
    updated: float = 0.0
    host: str = ""  # the machine of its process; on another one its number says nothing, and the heartbeat counts
    note: str = ""  # what one should know of the run as a whole; its message where it has no other
    refused: bool = False  # whether it failed since what was asked for cannot be meant, which showed only as it ran


class Child(msgspec.Struct, frozen=True):
    """A run that a study started: `role` is source, search or measure."""

    id: str
    arm: str
    role: str
    seed: Count
    lr: float


class _Verdict(msgspec.Struct):
    """What lists say of a study's result."""

    label: str
    sentence: str = ""
    gap: float = 0.0


ENDED_EARLY = {"diverged", "pruned"}  # what stands in the result of a training that came to no figures


class _Result(msgspec.Struct):
    """What lists and other runs read of a result: any of it that is there must be of its type."""

    verdict: _Verdict | None = None
    diverged: str = ""
    accuracy: float | None = None  # without labels there is none
    macro_f1: float | None = None
    loss: float = 0.0
    val_accuracy: float | None = None
    val_loss: float = 0.0
    seconds: float | dict[str, float] = 0.0  # of a question, for each thing that was measured
    gflops: float | None = 0.0  # None: they cannot be counted
    epochs: Count = 0
    steps: Count = 0
    images: Count = 0
    frozen_tensors: Count = 0
    frozen_moved: Count = 0
    device: str = ""


@dataclass(frozen=True)
class Run:
    """One run folder. Cheap to make; reads the disk when asked."""

    path: Path

    @classmethod
    def create(cls, spec: Spec) -> Run:
        """The run of this spec; its folder is made unless it is there already."""
        run = cls(home.folder("runs") / spec.run_id)
        with machine_errors(run.path):
            run.path.mkdir(exist_ok=True)
        if not (run.path / "spec.json").exists() or not run._asks_for(spec):
            home.write_atomic(run.path / "spec.json", spec.to_json())
        return run

    def _asks_for(self, spec: Spec) -> bool:
        """Whether its spec.json is this spec; one that is damaged is set aside."""
        with contextlib.suppress(TltkError):
            if self.spec == spec:
                return True
        home.quarantine(self.path / "spec.json", "it is not the spec of this run")
        return False

    @classmethod
    def open(cls, run_id: str) -> Run:
        """The run of that id; the first digits suffice where only one run has them.

        Raises:
            UnknownName: No run, or several, begin so.
            BadSpec: Not an id.
        """
        if not is_id(run_id.ljust(6, "0")):
            home.check_id(run_id)  # says what an id must be
        folder = home.folder("runs")
        if is_id(run_id) and (folder / run_id / "spec.json").exists():
            return cls(folder / run_id)  # without a look at all the others
        hits = [p for p in folder.iterdir() if p.name.startswith(run_id) and is_id(p.name)]
        hits = [p for p in hits if (p / "spec.json").exists()]
        if len(hits) != 1:
            raise UnknownName.among("A run", run_id, [p.name for p in hits] or [run.id for run in all_runs()])
        return cls(hits[0])

    @classmethod
    def at(cls, run_id: str) -> Run:
        """The run of exactly this id, whether or not its folder is there."""
        return cls(home.folder("runs") / home.check_id(run_id))

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def spec(self) -> Spec:
        """What was asked for.

        Raises:
            RunProblem: The folder is gone, was never a run's, or its spec.json is damaged.
        """
        try:
            with home.open_file(self.path / "spec.json") as file:
                text = file.read()
        except OSError:
            raise RunProblem(f"Run {self.id} must have a spec.json. There is none in {self.path}.") from None
        try:
            return read_spec(text)
        except TltkError as fault:
            raise RunProblem(
                f"Run {self.id} must have a spec.json that can be read. It is damaged, or of another version: {fault} "
                f"Ask for the same again to restore it, or delete the run."
            ) from None

    def written_status(self) -> Status:
        """The status as it was last written, whether or not its process still lives.

        One that is damaged is set aside, and the status is what the rest of the folder tells.
        """
        path = self.path / "status.json"
        found = home.read_json(path, Status)
        if found is None:
            return self._infer_status() if home.was_quarantined(path) else Status()
        return found

    def _infer_status(self) -> Status:
        """Where a run stands whose status.json is lost."""
        if process.is_held(self.path / LOCK):
            return Status(state="running")
        found = self.result()
        if found is not None and not ENDED_EARLY & set(found):
            shape = msgspec.convert(found, _Result)
            seconds = shape.seconds if isinstance(shape.seconds, float) else 0.0
            return Status("done", epoch=shape.epochs, epochs=shape.epochs, seconds=seconds, device=shape.device)
        return Status(
            state="failed",
            message=f"Its status.json was damaged and was set aside as status.json{home.DAMAGED}. Resume it: it goes "
            "on from its last checkpoint.",
        )

    def is_run(self, status: Status) -> bool:
        """Whether a process runs it now: the one of this status, or whichever holds its lock."""
        if status.host and status.host != platform.node():
            return self.silence() < SILENT_SECONDS
        return is_alive(status.pid, status.pid_born) or process.is_held(self.path / LOCK)

    def beat(self) -> None:
        """Show that its process lives: touch the status. Its own process does so every `BEAT_SECONDS`."""
        with contextlib.suppress(OSError):
            os.utime(self.path / "status.json")

    def silence(self) -> float:
        """Seconds since its status was last touched, by the clock of the disk that all machines see."""
        probe = self.path / f".beat.{os.getpid()}.tmp"
        try:
            # Opened: a disk of the network may tell for a minute what it knew of a file that nobody opens.
            with open(probe, "wb") as now, home.open_file(self.path / "status.json") as status:
                os.utime(now.fileno())  # by the disk's clock
                return os.fstat(now.fileno()).st_mtime - os.fstat(status.fileno()).st_mtime
        except OSError:
            return float("inf")
        finally:
            home.remove(probe)

    @property
    def status(self) -> Status:
        """Where it stands. Without its process a run that runs has failed, without its result one that is done."""
        return self.judge_status(self.written_status())

    def judge_status(self, status: Status) -> Status:
        """What a status that was read from this folder amounts to now."""
        if status.state == "running" and not self.is_run(status):
            return msgspec.structs.replace(
                status,
                state="failed",
                message="Its process ended without a message (killed, or the machine went down). "
                "Resume it: it continues from its last checkpoint.",
            )
        if status.state == "done" and home.was_quarantined(self.path / "result.json"):
            return msgspec.structs.replace(
                status,
                state="failed",
                message=f"Its result.json was damaged and was set aside as result.json{home.DAMAGED}. Resume it to "
                "find the same once more.",
            )
        return status if status.message or not status.note else msgspec.structs.replace(status, message=status.note)

    def write_status(self, **changes: Any) -> None:
        """Change these fields of the status; only the run's own process and its runner do this."""
        new = msgspec.structs.replace(self.written_status(), updated=time.time(), **changes)
        home.write_atomic(self.path / "status.json", msgspec.json.encode(new))

    def claim(self, threads: int = 0) -> None:
        """Say that this process runs it now, with so many threads.

        Raises:
            RunProblem: Another live process does already.
        """
        with home.hold_lock("claim.lock"):  # of two that ask at once, one gets it
            status = self.status
            if status.state == "running" and status.pid not in (0, os.getpid()) and not process.holds(self.path / LOCK):
                raise RunProblem(f"Run {self.id} is being run by process {status.pid}; wait for it or stop it.")
            if not process.hold(self.path / LOCK):
                raise RunProblem(f"Run {self.id} is being run by another process; wait for it or stop it.")
            home.remove_temporary_files(self.path)
            born = process.identity(os.getpid())
            self.write_status(
                state="running",
                message="",
                pid=os.getpid(),
                pid_born=born,
                threads=threads,
                host=platform.node(),
                refused=False,
            )

    def release(self) -> None:
        """Say that this process no longer runs it."""
        process.release(self.path / LOCK)

    def rows(self, since: int = 0, most: int = -1) -> tuple[list[Row], int]:
        """Rows from byte `since` on, and the byte to go on from; a torn last line is left for later.

        `most` limits the bytes that are read at once; −1 = all.
        """
        try:
            with home.open_file(self.path / "rows.jsonl") as file:
                file.seek(since)
                data = file.read(most)
        except OSError:
            return [], since
        whole = data.rfind(b"\n") + 1
        rows = []
        for line in data[:whole].splitlines():
            try:
                row = _row_decoder.decode(line)
            except (ValueError, RecursionError):
                continue  # a line that a power cut tore; the run wrote it again after resuming
            if max(abs(row.epoch), abs(row.step), abs(row.layer or 0)) < MOST:
                rows.append(row)
        return rows, since + whole

    def has_rows(self, size: int) -> bool:
        """Whether the first `size` bytes of rows are there, every line of them whole."""
        with contextlib.suppress(OSError, ValueError, RecursionError), home.open_file(self.path / "rows.jsonl") as file:
            data = file.read(size)
            found = [_row_decoder.decode(line) for line in data.splitlines()]
            return len(data) == size and data[-1:] in (b"\n", b"") and all(r.step < MOST for r in found)
        return False

    def curve(self, name: str, split: str = "val", x: str = "step") -> Curve:
        """One measured quantity over steps, epochs, seconds, pictures or FLOPs (`x`).

        Args:
            name: Of the quantity, such as accuracy or loss.
            split: train, val or test.
            x: What it runs over, which is also its unit: step, epoch or seconds; images (pictures seen) or gflops,
                which are told once an epoch, so that what lies between has no place, as in runs of a version that
                did not tell them.
        """
        every = [r for r in self.rows()[0] if r.layer is None]
        rows = [r for r in every if r.name == name and r.split == split]
        if x in SPENT:
            at = {r.epoch: r.value for r in every if r.name == x and r.split == "net"}
            ends = {r.epoch: r.step for r in every if r.name == x and r.split == "net"}
            points = [(at[r.epoch], r.value) for r in rows if ends.get(r.epoch) == r.step]
        else:
            points = [(float(getattr(r, x)), r.value) for r in rows]
        return Curve(self.id, tuple(p[0] for p in points), tuple(p[1] for p in points), x_unit=x)

    def children(self) -> list[Child]:
        """The runs that this study started, in order; empty for a plain run."""
        try:
            with home.open_file(self.path / "children.jsonl") as file:
                lines = file.read().splitlines()
        except OSError:
            return []
        found: dict[str, Child] = {}
        for line in lines:
            with contextlib.suppress(ValueError, BadSpec):
                child: Child = home.decode_json(line, Child)
                found[home.check_id(child.id) + child.role] = child
        return list(found.values())

    def write_children(self, children: Sequence[Child]) -> None:
        """Note which runs this study has started: all of them, whatever was noted before."""
        home.write_atomic(self.path / "children.jsonl", b"".join(msgspec.json.encode(c) + b"\n" for c in children))

    def result(self) -> dict[str, Any] | None:
        """What it found, once it is done; one that is damaged is set aside."""
        path = self.path / "result.json"
        found: dict[str, Any] | None = home.read_json(path, dict[str, Any])
        if found is not None:
            try:
                msgspec.convert(found, _Result)
            except ValueError as fault:
                home.quarantine(path, str(fault))
                return None
        return found

    def read(self, kind: type[T]) -> T | None:
        """What it found, as the class of results of its kind; None where there is nothing, or it ended early.

        Args:
            kind: The class, such as `tltk.analyses.profile.result.ProfileResult`.

        Raises:
            RunProblem: What is there was written by another version, and lacks what this one reads.
        """
        found = self.result()
        return None if found is None or ENDED_EARLY & set(found) else self.as_result(found, kind)

    @property
    def diverged(self) -> str:
        """Why a training ended without figures; "" = it did not."""
        return str((self.result() or {}).get("diverged", ""))

    @property
    def pruned(self) -> str:
        """Why its study ended a training early; "" = it did not."""
        return str((self.result() or {}).get("pruned", ""))

    def as_result(self, found: dict[str, Any], kind: type[T]) -> T:
        """A result of this run as the class of results of its kind.

        Args:
            found: As in `result.json`, or with what is joined to it when it is shown.
            kind: The class.

        Raises:
            RunProblem: It was written by another version, and lacks what this one reads.
        """
        try:
            return msgspec.convert(found, kind)
        except ValueError as fault:
            raise RunProblem(
                f"The result of run {self.id} must be as this version writes it. It is of another version: {fault}. "
                f"Ask again to compute it once more."
            ) from None

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

    # -- what somebody wrote on it -----------------------------------------------------------------

    @property
    def label(self) -> Label:
        """Its name, note and tags; what lies there and can be none is set aside."""
        return home.read_json(self.path / labels.FILE, Label) or Label()

    def write_label(
        self, *, name: str | None = None, note: str | None = None, tags: Sequence[str] | None = None
    ) -> Label:
        """Write its name, its note or its tags anew; what is not given stays.

        Args:
            name: At most 80 characters on one line; "" = none.
            note: At most 2,000 characters; "" = none.
            tags: At most 20 words of at most 32 characters.

        Returns:
            What is written on it now.

        Raises:
            BadSpec: They are longer, or no plain text.
            RunProblem: The folder is gone.
        """
        if not (self.path / "spec.json").exists():
            raise RunProblem(f"Run {self.id} must be there to be labelled. It was deleted.")
        with home.hold_lock("label.lock"):  # of two that write at once, neither undoes what the other wrote
            old = self.label
            new = Label(
                old.name if name is None else name,
                old.note if note is None else note,
                old.tags if tags is None else tuple(tags),
            )
            with machine_errors(self.path):
                if new:
                    home.write_atomic(self.path / labels.FILE, msgspec.json.encode(new))
                else:
                    home.remove(self.path / labels.FILE)
        return new

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """What was predicted of it, in order; what lies there and can be none is set aside."""
        return home.read_json(self.path / predictions.FILE, tuple[Prediction, ...]) or ()

    def predict(self, new: Prediction) -> None:
        """Write down what somebody predicts, in place of what the same person predicted in the same lesson before.

        Raises:
            RunProblem: The folder is gone.
        """
        if not (self.path / "spec.json").exists():
            raise RunProblem(f"Run {self.id} must be there to be predicted. It was deleted.")
        with home.hold_lock("label.lock"), machine_errors(self.path):
            others = [one for one in self.predictions if (one.lesson, one.by) != (new.lesson, new.by)]
            home.write_atomic(self.path / predictions.FILE, msgspec.json.encode([*others, new]))

    # -- attempts ----------------------------------------------------------------------------------

    def attempts(self) -> list[int]:
        """The numbers of the attempts before this one, in order."""
        try:
            found = [p for p in (self.path / EARLIER).iterdir() if p.is_dir()]
        except OSError:
            return []
        return sorted(int(p.name) for p in found if re.fullmatch("[1-9][0-9]{0,8}", p.name))

    def attempt(self, number: int) -> Run:
        """An attempt before this one, as the folder that it left; its spec is this run's.

        Raises:
            UnknownName: There is none of this number.
        """
        known = self.attempts()
        if number not in known:
            raise UnknownName.among(f"An earlier attempt of run {self.id}", str(number), map(str, known))
        return Run(self.path / EARLIER / str(number))

    @property
    def is_with_cluster(self) -> bool:
        """Whether it was handed to Slurm, in whose queue it may wait."""
        return (self.path / CLUSTER).exists()

    def _check_idle(self, what: str) -> None:
        if self.status.state == "running":
            raise RunProblem(f"Run {self.id} is running; stop it before {what}.")

    def clear(self, why: str = AGAIN) -> None:
        """Make way for another attempt at the spec: what was found so far goes to `earlier/`, and nothing is lost.

        Args:
            why: A sentence for whoever looks at the run.

        Raises:
            RunProblem: It is running.
        """
        with home.hold_lock("claim.lock"), machine_errors(self.path):
            self._check_idle("running it again")
            home.remove_temporary_files(self.path)  # what another writes at this moment stays
            if not self.put_aside(why):
                for name in ("status.json", "log.txt"):
                    home.remove(self.path / name)
            home.remove(self.stop_file)

    def put_aside(self, why: str) -> bool:
        """Begin again: what was found so far goes to `earlier/1` (`2`, …), and the status says so.

        Only a process that has claimed the run, or that holds the home's claim lock, may ask for this.

        Args:
            why: A sentence for whoever looks at the run, without the place.

        Returns:
            Whether anything had been found.
        """
        own, status = self.path / EARLIER, self.written_status()
        kept = (labels.FILE, predictions.FILE)  # what people wrote
        # The log is being written.
        left = ("spec.json", LOCK, CLUSTER, EARLIER, *kept, "STOP", "log.txt", "status.json")
        moved = [p for p in self.path.iterdir() if p.name not in left and not p.name.endswith(".tmp")]
        if all(p.name.startswith("inputs.json") for p in moved):  # nothing was found yet
            for path in moved:
                home.remove(path)
            return False
        # Last what says that there is something: killed halfway, the rest is put aside when it is asked for again.
        moved.sort(key=lambda p: LAST.index(p.name) if p.name in LAST else -1)
        with machine_errors(own):
            own.mkdir(exist_ok=True)
            taken = [int(p.name) for p in own.iterdir() if p.name.isdecimal()]
            folder = own / str(1 + max((n for n in taken if n < FOREIGN), default=0))
            folder.mkdir()
            for name in ("spec.json", "status.json", "log.txt"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(self.path / name, folder / name)
            for path in moved:
                path.rename(folder / path.name)
        note = f"{why} What was found before is kept in {EARLIER}/{folder.name} of its folder."
        fresh = Status(note=note)
        if status.state == "running" and status.pid == os.getpid():
            fresh = msgspec.structs.replace(
                fresh,
                state="running",
                **{name: getattr(status, name) for name in ("pid", "pid_born", "threads", "host")},
            )
        home.write_atomic(self.path / "status.json", msgspec.json.encode(fresh))
        return True

    def delete(self, *, for_good: bool = False) -> None:
        """Take away the folder with all attempts, and what the dashboard has written of it to be downloaded.

        Args:
            for_good: Whether its room on the disk is wanted at once; else `tltk.runs.trash` can put it back for a week.

        Raises:
            RunProblem: It is running.
        """
        with home.hold_lock("claim.lock"), machine_errors(self.path):
            self._check_idle("deleting it")
            trash.tell_others(self.id)
            if for_good:
                home.remove(self.path)
            else:
                trash.put(self.path)
            home.remove(home.folder("exports") / self.id)


def is_id(name: str) -> bool:
    """Whether a run can be called so."""
    return re.fullmatch("[0-9a-f]{6,64}", name) is not None


def all_runs() -> list[Run]:
    """Every run in the home, newest first; `tltk.runs.index` knows more of them, and sooner."""
    found = []
    for path in home.folder("runs").iterdir():
        with contextlib.suppress(OSError, BadSpec):  # no run, or deleted while we look
            home.check_id(path.name)
            found.append((-(path / "spec.json").stat().st_mtime, path))
    return [Run(path) for _, path in sorted(found)]


def walk(run: Run) -> Iterator[Run]:
    """The run itself, then the runs it started that are still on disk."""
    yield run
    for child in run.children():
        if (run.path.parent / child.id / "spec.json").exists():
            yield Run(run.path.parent / child.id)
