"""`python -m tltk.run FOLDER`: the only way in which a run is ever executed. One process, one run.

With `--wait` it loads torch first and reads the folder's path from its input: a warm spare.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import multiprocessing
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing import connection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import torch

from tltk import home
from tltk.analyses.describe.analysis import describe
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.dial_response.analysis import response
from tltk.analyses.dial_response.spec import ResponseSpec
from tltk.analyses.embed.analysis import embedding
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.import_weights.analysis import adopt
from tltk.analyses.import_weights.spec import AdoptSpec
from tltk.analyses.inspect.spec import LookSpec
from tltk.analyses.profile.analysis import profile
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.analysis import rank
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.sample import Room, look
from tltk.analyses.two_sample.analysis import apart
from tltk.analyses.two_sample.spec import ShiftSpec
from tltk.data import account, family, load
from tltk.data.cautions import cautions
from tltk.data.domain import Domain, Split, held_out_origins, without
from tltk.errors import DataProblem, Diverged, MachineProblem, RunProblem, TltkError, machine
from tltk.jobs import provenance
from tltk.nn.net import Net
from tltk.results.rows import Row
from tltk.runs.run import KILLED, Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec
from tltk.training import checkpoint
from tltk.training.bank import FeatureBank
from tltk.training.loop import Desk, Stopped, Training, pick_device
from tltk.weights import load as weights

STATUS_EVERY = 0.3  # seconds between two writings of the status
HANDS, HAND_RAM = 8, 1.5e9  # most trainings of a study side by side, and memory that each may want


class Workshop:
    """What the trainings of one process share: the bank, decoded pictures, and the wish to stop.

    Args:
        owner: The run that this process is for: it hears sentences and is asked to stop.
        parent: The process without which this one has nothing to do; 0 = none.
    """

    def __init__(self, owner: Run, parent: int = 0) -> None:
        self.owner, self.parent = owner, parent
        self.bank = FeatureBank(
            ram=int(home.setting("TLTK_BANK_RAM_GB", 2) * 1e9),
            disk=int(home.setting("TLTK_BANK_DISK_GB", 20) * 1e9),
            say=self.say,
        )
        self._domains: dict[str, Domain] = {}
        self._stop, self._told = False, 0.0
        self.speaker = owner  # the run that hears sentences

    def ask_to_stop(self, *_: Any) -> None:
        """Stop at the next step; also the handler of SIGTERM."""
        self._stop = True

    def check(self) -> None:
        """Raise `Stopped` when somebody asked for it."""
        if self._stop or self.owner.stop_file.exists() or (self.parent and os.getppid() != self.parent):
            raise Stopped

    def train_all(self, runs: list[Run], ended: Callable[[Run], None]) -> None:
        """Train several runs: on a CPU side by side, one thread each, else one after the other.

        Two trainings with a thread each do half as much again in the same time as one with two, and
        unlike it they hardly suffer when the machine has other work. The children are forks: this
        process has imported torch but never computed with it, so there are no threads to lose.

        Args:
            runs: What to train; finished ones are not trained again.
            ended: Called with each run that is done or has diverged.

        Raises:
            RunProblem: One of them failed otherwise; the others are stopped.
        """
        threads = max((run.spec.optim.threads for run in runs if isinstance(run.spec, TransferSpec)), default=1)
        hands = min(_threads() // threads, int(psutil.virtual_memory().total / HAND_RAM), HANDS)
        if hands < 2 or os.name != "posix" or pick_device("auto").type != "cpu":
            for run in runs:
                with contextlib.suppress(Diverged):
                    self.train(run)
                ended(run)
            return
        waiting, busy = list(runs), dict[Any, Run]()
        fork = multiprocessing.get_context("fork")
        try:
            while waiting or busy:
                self.check()
                while waiting and len(busy) < hands:
                    run = waiting.pop(0)
                    hand = fork.Process(target=_hand, args=(self, run, os.getpid()))
                    hand.start()
                    busy[hand] = run
                connection.wait([hand.sentinel for hand in busy], timeout=0.1)
                for hand in [hand for hand in busy if hand.exitcode is not None]:
                    ended(_finished(busy.pop(hand), hand.exitcode or 0))
        finally:
            for hand in busy:
                hand.terminate()
            for hand in busy:
                hand.join(10)

    def say(self, sentence: str) -> None:
        """A sentence for the log and for whoever watches."""
        print(sentence, flush=True)
        self.speaker.write_status(message=sentence)

    def tell(self, sentence: str) -> None:
        """How far it is, for whoever watches: at most a few times a second, and not for the log."""
        if time.monotonic() - self._told > STATUS_EVERY:
            self._told = time.monotonic()
            self.speaker.write_status(message=sentence)

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
                    self.speaker.write_status(message=f"Reading pictures: {done:,} of {total:,}.")

            found = self._domains[key] = load(spec, progress)
            for sentence in account.remarks(found):
                self.say(sentence)
            self.speaker.write_status(message="")
        return self._domains[key]

    def train(self, run: Run) -> Run:
        """Run a training to its end, from its checkpoint where it has one; a finished one is left.

        Where the pictures or weights that it names have changed since it began, it begins again.
        """
        provenance.renew(run)
        if _is_done(run):
            return run
        spec = run.spec
        if not isinstance(spec, TransferSpec):
            raise RunProblem(f"Run {run.id} must be a training. It is of kind {spec.kind!r}.")
        self._claim(run, spec.optim.threads)
        if run.status.state == "done":
            return run  # another study trained it while we waited
        try:
            self.begin(run)
            # A sum over more threads differs in its last bits, so their number is part of what a run is.
            torch.set_num_threads(spec.optim.threads)
            self._train(run, spec)
        except Stopped:
            last_word(run, "Stopped by request; it can be resumed.", "stopped")
            raise
        except TltkError as fault:
            if isinstance(fault, Diverged):
                home.write_whole(run.path / "result.json", json.dumps({"diverged": str(fault)}))
            last_word(run, str(fault))
            raise
        except BaseException as fault:
            last_word(run, in_words(fault))
            raise
        finally:
            if run.path != self.owner.path:
                run.release()
        return run

    def _split(self, spec: TransferSpec) -> tuple[Domain, Split, int]:
        """The pictures of a training, divided, and how many were taken out: they validate or test another domain."""
        domain = self.domain(spec.target)
        if spec.without is None:
            return domain, domain.split(spec.target, spec.seed), 0
        other = self.domain(spec.without)
        held = held_out_origins(other, other.split(spec.without, spec.seed))
        rest = without(domain, np.arange(len(domain.labels)), held)
        taken_out = len(domain.labels) - len(rest)
        try:
            split = domain.split(spec.target, spec.seed, rest)
        except DataProblem as fault:
            raise DataProblem(
                f"{spec.target.name} must hold pictures that neither validate nor test {spec.without.name}. Without "
                f"the {taken_out:,} that do, too few are left: {fault}"
            ) from None
        return domain, split, taken_out

    def _seen_by_source(self, spec: TransferSpec, domain: Domain, split: Split) -> int:
        """How many of the pictures that validate or test here the run behind the weights learned from."""
        kind, _, name = spec.net.weights.partition(":")
        source = Run.at(name.partition("@")[0]).spec if kind == "run" else None
        if not isinstance(source, TransferSpec) or family(source.target.name) != family(spec.target.name):
            return 0
        try:
            # Read at this size: where only pixels tell examples apart, they do so at one size alone.
            at_size = dataclasses.replace(source.target, size=spec.target.size)
            theirs, learned, _ = self._split(dataclasses.replace(source, target=at_size))
        except TltkError:
            return 0  # its pictures are gone; then nothing can be said
        return int(np.isin(held_out_origins(domain, split), theirs.origins[learned.train]).sum())

    def begin(self, run: Run) -> None:
        """Note what the run is about to read; where that is not what it read before, it begins again and says so."""
        if provenance.begin_again(run):
            self.say(f"Run {run.id}: {run.written_status().note}")
        provenance.note(run)

    def _claim(self, run: Run, threads: int) -> None:
        """Take the run, after whoever runs it now: two studies may share a source network."""
        while True:
            self.check()
            if _is_done(run):
                return
            try:
                run.claim(threads=threads)
                return
            except RunProblem as busy:
                if run.path == self.owner.path or isinstance(busy, MachineProblem):
                    raise
                self.speaker.write_status(message=str(busy))
                time.sleep(STATUS_EVERY)

    def _train(self, run: Run, spec: TransferSpec) -> None:
        domain, split, taken_out = self._split(spec)
        for sentence in cautions(domain, split):
            self.say(sentence)
        size, channels = domain.images.shape[-1], domain.images.shape[1]
        net = weights.build(spec.net, len(domain.classes), size, channels, spec.seed)
        for sentence in net.notes:
            self.say(sentence)
        phases = make(spec.strategy).phases(net.depth, spec.net.boundary, spec.optim.epochs)
        with Record(run, sum(p.epochs for p in phases), str(pick_device(spec.optim.device))) as record:
            def snapshot(net: Net, epoch: int) -> None:
                weights.save(net, spec.net, run.snapshot(epoch), run=run.id)

            desk = Desk(record.emit, self.say, self.check, record.save, snapshot, record.saved)
            result = Training(spec, net, domain, split, phases, self.bank, desk).run()
        if not np.isfinite([result["loss"], result["val_loss"]]).all():
            raise RunProblem(
                "The loss on the validation and test pictures must be a number. It is not at the end; "
                "try a tenth of the learning rate, or an optim.evaluate below optim.patience."
            )
        data = re.sub(r":.*[/\\]", ":", spec.target.name)  # weights are given away; folders of this machine are not
        told = {"classes": json.dumps(domain.classes), "data": data, "size": str(size), "run": run.id}
        weights.save(net, spec.net, run.path / "model.safetensors", **told)
        result |= account.of_training(domain, split, spec.target)
        result["remarks"] = [*result["remarks"], *cautions(domain, split)]
        result["phases"] = [dataclasses.asdict(p) for p in phases]
        result |= {"threads": spec.optim.threads, "taken_out": taken_out}
        result["seen_by_source"] = self._seen_by_source(spec, domain, split)
        home.write_whole(run.path / "result.json", json.dumps(result))
        run.write_status(state="done", message="", epoch=result["epochs"], seconds=result["seconds"])
        (run.path / "checkpoint.safetensors").unlink(missing_ok=True)


def _hand(workshop: Workshop, run: Run, parent: int) -> None:
    """What a fork does: one training with one thread, for its parent's study."""
    torch.set_num_threads(1)
    own = Workshop(workshop.owner, parent)
    signal.signal(signal.SIGTERM, own.ask_to_stop)
    own.speaker = run
    with contextlib.suppress(Stopped, TltkError):  # the run's status says it
        own.train(run)
    sys.stdout.flush()
    os._exit(0)  # not through the parent's clean-up


def _finished(run: Run, code: int) -> Run:
    """The run, if its fork brought it to an end; to have diverged is an end.

    Raises:
        Stopped: It was asked to stop.
        RunProblem: It failed otherwise, or was killed.
    """
    status = run.status
    if status.state == "done" or (status.state == "failed" and "diverged" in (run.result() or {})):
        return run
    if status.state == "stopped":
        raise Stopped
    if code < 0:  # by a signal; otherwise its own last word stands
        run.write_status(state="failed", message=KILLED)
    raise RunProblem(f"Run {run.id} of this comparison failed. {run.status.message}")


class Record:
    """The open `rows.jsonl` of a run, cut back to its checkpoint when it goes on from one."""

    def __init__(self, run: Run, epochs: int, device: str) -> None:
        self.run = run
        self.saved = checkpoint.read(run.path / "checkpoint.safetensors")
        rows = run.path / "rows.jsonl"
        if self.saved is not None and not run.has_rows(self.saved[1]["rows"]):
            run.put_aside("It began again, since the rows up to its checkpoint were damaged.")
            print(f"Run {run.id}: {run.written_status().note}", flush=True)
            provenance.note(run)
            self.saved = None
        if rows.exists() and not rows.is_file():
            home.set_aside(rows, "it is no file")
        with machine(rows):
            self._file = open(rows, "ab")  # noqa: SIM115
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
        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        self._file.flush()
        if rows and time.monotonic() - self._told > STATUS_EVERY:
            self._told = time.monotonic()
            # What was said of the work before an epoch is past once the epoch is.
            past = {"message": ""} if rows[-1].epoch else {}
            self.run.write_status(epoch=rows[-1].epoch, seconds=rows[-1].seconds, **past)

    def save(self, tensors: dict[str, Any], state: dict[str, Any]) -> None:
        """The checkpoint, after the rows that belong to it are surely on disk."""
        os.fsync(self._file.fileno())
        checkpoint.write(self.run.path / "checkpoint.safetensors", tensors, {**state, "rows": self._file.tell()})


def _is_done(run: Run) -> bool:
    """Whether it has its result; the checkpoint of one that was killed just then goes."""
    if run.status.state != "done" or run.result() is None:
        return False
    (run.path / "checkpoint.safetensors").unlink(missing_ok=True)
    return True


def in_words(fault: BaseException) -> str:
    """The sentence for an error of the machine's, or one of ours; the trace goes to the log."""
    traceback.print_exc()
    problem = MachineProblem.of(fault)
    if problem is not None and problem.errno != errno.ENOENT:  # we look for no file that need not be there
        return f"{problem} Then resume the run."
    return f"A fault of ours ({type(fault).__name__}: {fault}). The log has the details; please report it."


def last_word(run: Run, message: str, state: str = "failed") -> None:
    """Write why a run failed or stopped; where the disk is full, the log alone has it."""
    with contextlib.suppress(MachineProblem):
        run.write_status(state=state, message=message)


def execute(run: Run) -> None:
    """Run whatever this folder asks for, and write how it ended."""
    workshop = Workshop(run)
    signal.signal(signal.SIGTERM, workshop.ask_to_stop)
    try:
        spec = run.spec
        if isinstance(spec, TransferSpec):
            workshop.train(run)
            return
        if _is_done(run):
            return
        run.claim()
        workshop.begin(run)
        if isinstance(spec, CompareSpec):
            _compare(run, spec, workshop)
        else:
            _answer(run, spec, workshop)
    except Stopped:
        home.remove(run.stop_file)  # heeded; `claim` leaves it, so that none is lost at the start
        last_word(run, "Stopped by request; it can be resumed.", "stopped")
    except TltkError as fault:
        status = run.status
        print(fault, flush=True)
        if status.state != "running" or status.pid == os.getpid():  # else it is another process's to say
            last_word(run, str(fault))
    except BaseException as fault:
        last_word(run, in_words(fault))
    finally:
        run.release()


# What answers each question; some answers come with a sheet of pictures.
ANSWERS: dict[type, Callable[[Any, Room], Any]] = {
    DescribeSpec: lambda spec, room: describe(spec, pick_device("auto")),
    LookSpec: lambda spec, room: look(room.load(spec.data), spec.data),
    ProfileSpec: profile,
    ShiftSpec: apart,
    EmbedSpec: embedding,
    RankSpec: rank,
    ResponseSpec: response,
    AdoptSpec: lambda spec, room: adopt(spec),
}


def _answer(run: Run, spec: Spec, workshop: Workshop) -> None:
    """Answer a question; its pictures, where it has some, lie beside the answer."""
    room = Room(workshop.domain, workshop.bank, Desk(say=workshop.tell, check=workshop.check))
    found = ANSWERS[type(spec)](spec, room)
    found, sheet = found if isinstance(found, tuple) else (found, None)
    if sheet is not None:
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        home.write_whole(run.path / "pictures.png", buffer.getvalue())
    home.write_whole(run.path / "result.json", json.dumps(found, allow_nan=False))
    run.write_status(state="done", message="")


def _compare(run: Run, spec: CompareSpec, workshop: Workshop) -> None:
    start = time.perf_counter()
    total = compare.count(spec)

    def tell(done: int, what: str) -> None:
        seconds = round(time.perf_counter() - start, 1)
        run.write_status(epoch=done, epochs=total, message=what, seconds=seconds)

    target = workshop.domain(spec.target)  # read here once, not in each fork
    if spec.source is not None:
        workshop.domain(spec.source)
    found = compare.study(run, spec, workshop.train_all, tell)
    told = account.of_training(target, target.split(spec.target, spec.first_seed), spec.target)
    home.write_whole(run.path / "result.json", json.dumps({"verdict": dataclasses.asdict(found), **told}))
    run.write_status(state="done", epoch=total, message="", seconds=round(time.perf_counter() - start, 1))


def _threads() -> int:
    """How many threads this process may compute with."""
    return int(home.setting("TLTK_THREADS", os.cpu_count() or 1, least=1))


def _log_to(path: Path) -> None:
    """Print to this file from now on; where it cannot be opened, nowhere."""
    if path.exists() and not path.is_file():
        home.set_aside(path, "it is no file")
    with contextlib.suppress(OSError):
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)


def main(arguments: list[str]) -> int:
    """Execute the run in the folder named; the exit code is 0 when it ended by itself."""
    if arguments == ["--wait"]:
        order = json.loads(sys.stdin.readline() or "null")
        if order is None:
            return 0  # whoever kept this spare is gone
        os.environ.update(order["environment"])
        _log_to(Path(order["log"]))
        arguments = [order["folder"]]
    torch.set_num_threads(_threads())  # after the order, which says how many
    run = Run(Path(arguments[0]))
    execute(run)
    return 0 if run.status.state in ("done", "stopped") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
