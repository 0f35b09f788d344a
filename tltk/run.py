"""`python -m tltk.run FOLDER`: the only way in which a run is ever executed. One process, one run.

With `--wait` it loads torch first and reads the folder's path from its input: a warm spare.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from tltk import checkpoint, compare, home
from tltk.bank import FeatureBank
from tltk.data import load
from tltk.data.domain import Domain
from tltk.errors import RunProblem, TltkError
from tltk.nn import weights
from tltk.nn.describe import describe
from tltk.results import Row
from tltk.runs import Run
from tltk.spec import CompareSpec, DataSpec, DescribeSpec, LookSpec, TransferSpec
from tltk.strategies import make
from tltk.train import Desk, Stopped, Training, pick_device

STATUS_EVERY = 0.3  # seconds between two writings of the status


class Workshop:
    """What the trainings of one process share: the bank, decoded pictures, and the wish to stop."""

    def __init__(self, owner: Run) -> None:
        self.owner = owner
        self.bank = FeatureBank(
            ram=int(float(os.environ.get("TLTK_BANK_RAM_GB", "2")) * 1e9),
            disk=int(float(os.environ.get("TLTK_BANK_DISK_GB", "20")) * 1e9),
            say=self.say,
        )
        self._domains: dict[str, Domain] = {}
        self._stop = False

    def ask_to_stop(self, *_: Any) -> None:
        """Stop at the next step; also the handler of SIGTERM."""
        self._stop = True

    def check(self) -> None:
        """Raise `Stopped` when somebody asked for it."""
        if self._stop or self.owner.stop_file.exists():
            raise Stopped

    def say(self, sentence: str) -> None:
        """A sentence for the log and for whoever watches."""
        print(sentence, flush=True)
        self.owner.write_status(message=sentence)

    def domain(self, spec: DataSpec) -> Domain:
        """The pictures of a spec, loaded once."""
        key = dataclasses.replace(spec, shots=0).to_json()
        if key not in self._domains:
            last = 0.0

            def progress(done: int, total: int) -> None:
                nonlocal last
                self.check()
                if time.monotonic() - last > STATUS_EVERY:
                    last = time.monotonic()
                    self.owner.write_status(message=f"Reading pictures: {done:,} of {total:,}.")

            found = self._domains[key] = load(spec, progress)
            if found.skipped:
                name, reason = found.skipped[0]
                self.say(f"{len(found.skipped)} pictures of {spec.name} were left out; the first is {name}: {reason}.")
            self.owner.write_status(message="")
        return self._domains[key]

    def train(self, run: Run) -> Run:
        """Run a training to its end, from its checkpoint where it has one; a finished one is left."""
        if run.status.state == "done" and run.result() is not None:
            return run
        spec = run.spec
        if not isinstance(spec, TransferSpec):
            raise RunProblem(f"Run {run.id} must be a training. It is of kind {spec.kind!r}.")
        run.claim()
        try:
            self._train(run, spec)
        except Stopped:
            run.write_status(state="stopped", message="Stopped by request; it can be resumed.")
            raise
        except TltkError as fault:
            run.write_status(state="failed", message=str(fault))
            raise
        except BaseException:
            run.write_status(state="failed", message=fault_of_ours())
            raise
        return run

    def _train(self, run: Run, spec: TransferSpec) -> None:
        domain = self.domain(spec.target)
        split = domain.split(spec.target, spec.seed)
        size, channels = domain.images.shape[-1], domain.images.shape[1]
        net = weights.build(spec.net, len(domain.classes), size, channels, spec.seed)
        phases = make(spec.strategy).phases(net.depth, spec.net.boundary, spec.optim.epochs)
        with Record(run, sum(p.epochs for p in phases), str(pick_device(spec.optim.device))) as record:
            desk = Desk(record.emit, self.say, self.check, record.save, record.saved)
            result = Training(spec, net, domain, split, phases, self.bank, desk).run()
        weights.save(net, spec.net, run.path / "model.safetensors", classes=json.dumps(domain.classes), run=run.id)
        result["phases"] = [dataclasses.asdict(p) for p in phases]
        home.write_whole(run.path / "result.json", json.dumps(result))
        (run.path / "checkpoint.safetensors").unlink(missing_ok=True)
        run.write_status(state="done", message="", epoch=result["epochs"], seconds=result["seconds"])


class Record:
    """The open `rows.jsonl` of a run, cut back to its checkpoint when it goes on from one."""

    def __init__(self, run: Run, epochs: int, device: str) -> None:
        self.run = run
        self.saved = checkpoint.read(run.path / "checkpoint.safetensors")
        self._file = open(run.path / "rows.jsonl", "ab")  # noqa: SIM115
        self._file.truncate(self.saved[1]["rows"] if self.saved else 0)
        self._file.seek(0, os.SEEK_END)
        self._told = 0.0
        run.write_status(epochs=epochs, device=device)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def emit(self, rows: list[Row]) -> None:
        """Append whole lines and, now and then, say how far the run is."""
        import msgspec

        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        self._file.flush()
        if rows and time.monotonic() - self._told > STATUS_EVERY:
            self._told = time.monotonic()
            self.run.write_status(epoch=rows[-1].epoch, seconds=rows[-1].seconds)

    def save(self, tensors: dict[str, Any], state: dict[str, Any]) -> None:
        """The checkpoint, after the rows that belong to it are surely on disk."""
        os.fsync(self._file.fileno())
        checkpoint.write(self.run.path / "checkpoint.safetensors", tensors, {**state, "rows": self._file.tell()})


def fault_of_ours() -> str:
    """The sentence for an error that is not the user's; the trace goes to the log."""
    traceback.print_exc()
    kind, fault, _ = sys.exc_info()
    return f"A fault of ours ({kind.__name__ if kind else 'unknown'}: {fault}). The log has the details; please report it."


def execute(run: Run) -> None:
    """Run whatever this folder asks for, and write how it ended."""
    workshop = Workshop(run)
    signal.signal(signal.SIGTERM, workshop.ask_to_stop)
    try:
        spec = run.spec
        if isinstance(spec, TransferSpec):
            workshop.train(run)
            return
        if run.status.state == "done":
            return
        run.claim()
        if isinstance(spec, CompareSpec):
            _compare(run, spec, workshop)
        elif isinstance(spec, DescribeSpec):
            _answer(run, describe(spec, pick_device("auto")))
        elif isinstance(spec, LookSpec):
            _answer(run, look(workshop.domain(spec.data), spec.data))
    except Stopped:
        run.write_status(state="stopped", message="Stopped by request; it can be resumed.")
    except TltkError as fault:
        print(fault, flush=True)
        run.write_status(state="failed", message=str(fault))
    except BaseException:
        run.write_status(state="failed", message=fault_of_ours())


def _answer(run: Run, found: dict[str, Any]) -> None:
    home.write_whole(run.path / "result.json", json.dumps(found))
    run.write_status(state="done", message="")


def look(domain: Domain, spec: DataSpec) -> dict[str, Any]:
    """What is in a domain: classes with their counts, the split, what was left out, the licence."""
    split = domain.split(spec, 0)
    counts = np.bincount(domain.labels, minlength=len(domain.classes)).tolist()
    return {
        "classes": list(domain.classes),
        "counts": counts,
        "n": len(domain.labels),
        "channels": int(domain.images.shape[1]),
        "train": len(split.train),
        "val": len(split.val),
        "test": len(split.test),
        "skipped": [list(s) for s in domain.skipped],
        "licence": domain.licence,
        "source": domain.source,
    }


def _compare(run: Run, spec: CompareSpec, workshop: Workshop) -> None:
    start = time.perf_counter()
    total = compare.count(spec)

    def tell(done: int, what: str) -> None:
        seconds = round(time.perf_counter() - start, 1)
        run.write_status(epoch=done, epochs=total, message=what, seconds=seconds)

    found = compare.study(run, spec, lambda wanted: workshop.train(Run.create(wanted)), tell)
    home.write_whole(run.path / "result.json", json.dumps({"verdict": dataclasses.asdict(found)}))
    run.write_status(state="done", epoch=total, message="", seconds=round(time.perf_counter() - start, 1))


def _set_up() -> None:
    """Threads for this process, and the imports that take seconds."""
    import torch

    torch.set_num_threads(int(os.environ.get("TLTK_THREADS") or os.cpu_count() or 1))


def main(arguments: list[str]) -> int:
    """Execute the run in the folder named; the exit code is 0 when it ended by itself."""
    _set_up()
    if arguments == ["--wait"]:
        order = json.loads(sys.stdin.readline() or "null")
        if order is None:
            return 0  # whoever kept this spare is gone
        os.environ.update(order["environment"])
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        arguments = [order["folder"]]
    run = Run(Path(arguments[0]))
    execute(run)
    return 0 if run.status.state in ("done", "stopped") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
