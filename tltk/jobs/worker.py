"""A worker: one process that executes one run, and the trainings that this run asks for."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import importlib
import io
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors.torch import save

from tltk import home
from tltk.analyses.sample import Context
from tltk.data import account, family, load, noun_of
from tltk.data.cautions import cautions
from tltk.data.domain import Domain, Split, held_out_origins, link_copies
from tltk.data.pictures import KIND as PICTURES
from tltk.errors import CannotSplit, Diverged, MachineProblem, Pruned, RunProblem, TltkError
from tltk.jobs import executor, pool, provenance, torchrun
from tltk.jobs.cluster import REFUSED
from tltk.jobs.writer import STATUS_SECONDS, Reader, RowWriter
from tltk.nn.encoders import keep_reader
from tltk.nn.net import Net
from tltk.nn.text import TextBackbone
from tltk.results.rows import Row
from tltk.results.training import PlannedPhase, TrainingResult
from tltk.runs import process, sync
from tltk.runs.run import BEAT_SECONDS, LOCK, Run, walk
from tltk.specs.encoders import READER
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, read_alike
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.studies.study import conduct
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks, Stopped
from tltk.training.compose import Divided, add_source, build_network, check_result, divide
from tltk.training.heads import HeadBatch, Member
from tltk.training.loop import Training, pick_device
from tltk.weights import load as weights

SEND_SECONDS = 120.0  # that a worker on a machine that may go waits until all is in the store
NICENESS = 10  # of a training: where cores are short, it gets a tenth of what a page does


class Worker:
    """What the trainings of one process share: the bank, decoded pictures, and the wish to stop.

    Args:
        owner: The run that this process is for: it hears sentences and is asked to stop.
        parent: The process without which this one has nothing to do; 0 = none.
    """

    writes = True  # whether rows, checkpoint and result are this process's to write; of several the first does

    def __init__(self, owner: Run, parent: int = 0) -> None:
        self.owner, self.parent = owner, parent
        self.bank = FeatureBank(
            ram=int(home.setting("TLTK_BANK_RAM_GB", 2) * 1e9),
            disk=int(home.setting("TLTK_BANK_DISK_GB", 20) * 1e9),
            notify=self.notify,
        )
        self._domains: dict[str, Domain] = {}
        self._stop, self._told = False, 0.0
        self.speaker = owner  # the run that hears sentences
        self.enough: Callable[[Run], str] | None = (
            None  # why a training of the present study need not go on; "" = it must
        )

    def ask_to_stop(self, *_: Any) -> None:
        """Stop at the next step; also the handler of SIGTERM."""
        self._stop = True

    def check(self) -> None:
        """Raise `Stopped` if a stop was requested."""
        if self._stop or self.owner.stop_file.exists() or (self.parent and os.getppid() != self.parent):
            raise Stopped

    def child(self, run: Run) -> Worker:
        """The worker of a forked process: it stops with its parent, and `run` hears what it says."""
        own = Worker(self.owner, os.getppid())
        signal.signal(signal.SIGTERM, own.ask_to_stop)
        own.speaker, own.enough = run, self.enough
        return own

    def notify(self, sentence: str) -> None:
        """A sentence for the log and for the status that pages and the shell show."""
        print(sentence, flush=True)
        self.speaker.write_status(message=sentence)

    def tell(self, sentence: str) -> None:
        """Progress for the status alone, at most a few times a second; not for the log."""
        if time.monotonic() - self._told > STATUS_SECONDS:
            self._told = time.monotonic()
            self.speaker.write_status(message=sentence)

    def domain(self, spec: DataSpec) -> Domain:
        """The pictures of a spec, loaded once."""
        key = dataclasses.replace(spec, shots=0).to_json()
        if key not in self._domains:
            last, began = 0.0, time.monotonic()

            def progress(done: int, total: int) -> None:
                nonlocal last
                self.check()
                if time.monotonic() - last > STATUS_SECONDS:
                    last = time.monotonic()
                    left = (last - began) / max(done, 1) * (total - done)
                    self.speaker.write_status(
                        message=f"Reading {noun_of(spec.name)}: {done:,} of {total:,}, about "
                        f"{max(left, 1):,.0f} s left."
                    )

            found = self._domains[key] = load(spec, progress)
            for sentence in account.remarks(found):
                self.notify(sentence)
            self.speaker.write_status(message="")
        return self._domains[key]

    def load(self, runs: Sequence[Run]) -> None:
        """Read the targets of these trainings, once for all forks of this process."""
        for run in runs:
            if isinstance(run.spec, TransferSpec):
                self.domain(run.spec.target)

    def train(self, run: Run) -> Run:
        """Run a child of a study to its end: a training, from its checkpoint where it has one, or a question.

        A finished one is left.

        Where the pictures or weights that it names have changed since it began, it begins again.

        Raises:
            RunProblem: The run is a study, or it could not go on; `Diverged` where its loss is no number, `Pruned`
                where its study has seen enough.
        """
        provenance.discard_outdated(run)
        if _is_done(run) or (self.enough is not None and run.pruned):
            return run
        spec = run.spec
        if not isinstance(spec, TransferSpec) and spec.trains:
            raise RunProblem(f"A study's child must be a training or a question. {run.id} is of kind {spec.kind!r}.")
        threads = spec.optim.threads if isinstance(spec, TransferSpec) else 1
        self._claim(run, threads)
        if run.status.state == "done":
            return run  # another study trained it while we waited
        try:
            self.begin(run)
            # A sum over more threads differs in its last bits, so their number is part of what a run is.
            torch.set_num_threads(threads)
            if isinstance(spec, TransferSpec):
                self._train(run, spec)
            else:
                _answer(run, spec, self)
        except Stopped:
            write_end(run, "Stopped by request; it can be resumed.", "stopped")
            raise
        except TltkError as fault:
            if isinstance(fault, Diverged | Pruned):
                how = "diverged" if isinstance(fault, Diverged) else "pruned"
                home.write_atomic(run.path / "result.json", json.dumps({how: str(fault)}))
            write_end(run, str(fault), "stopped" if isinstance(fault, Pruned) else "failed", _is_refusal(fault))
            raise
        except BaseException as fault:
            write_end(run, error_sentence(fault))
            raise
        finally:
            if run.path != self.owner.path:
                run.release()
        return run

    def train_batch(self, runs: Sequence[Run]) -> None:
        """Train several of which only the head learns as one batch; where that cannot be, one after the other.

        Args:
            runs: Their specs have one `tltk.training.heads.batch_key`; none has begun.

        Raises:
            Stopped: Somebody asked for it.
            RunProblem: One could not go on; to have diverged is an end, and its status says it.
        """
        try:
            waiting = [run for run in runs if self._is_free(run)]
            if len(waiting) > 1:
                self._train_heads(waiting)
        except CannotSplit as reason:
            print(reason, flush=True)
        finally:
            for run in runs:
                if run.path != self.owner.path:
                    run.release()
        for i, run in enumerate(runs):  # what was not trained so
            try:
                if not run.diverged:
                    self.train(run)
            except (Diverged, Pruned):
                continue
            except (Stopped, TltkError):
                self._end_all(runs[i + 1 :], "It waited for another run, which ended; it can be resumed.", "stopped")
                raise

    def _is_free(self, run: Run) -> bool:
        """Claim a run that has not begun; False where it is done, has a checkpoint, or another process has it."""
        provenance.discard_outdated(run)
        if _is_done(run) or (run.path / "checkpoint.safetensors").exists():
            return False
        with contextlib.suppress(RunProblem):
            run.claim(threads=run.spec.optim.threads if isinstance(run.spec, TransferSpec) else 1)
            return not _is_done(run)
        return False

    def _train_heads(self, runs: Sequence[Run]) -> None:
        """Train these, which are claimed, as one batch."""
        spec = runs[0].spec
        assert isinstance(spec, TransferSpec)
        torch.set_num_threads(spec.optim.threads)
        try:
            with contextlib.ExitStack() as stack:
                members, found = [], dict[int, tuple[Run, Divided]]()
                for run in runs:
                    self.speaker = run
                    self.begin(run)
                    assert isinstance(run.spec, TransferSpec)
                    parts = divide(run.spec, self.domain)
                    for sentence in cautions(parts.domain, parts.split):
                        self.notify(sentence)
                    device = str(pick_device(spec.optim.device))
                    writer = stack.enter_context(RowWriter(run, spec.optim.epochs, device, share=len(runs)))
                    callbacks = Callbacks(writer.emit, self.notify, self.check)
                    members.append(Member(run.spec, parts.split, callbacks))
                    found[id(members[-1])] = run, parts
                first = found[id(members[0])][1]
                domain = first.domain
                net, phases = build_network(spec, domain, first)
                for sentence in net.notes:
                    self.notify(sentence)
                batch = HeadBatch(members, net, domain, phases[0], self.bank, self.check, self.notify)

                def ended(member: Member, result: TrainingResult | None) -> None:
                    run, parts = found[id(member)]
                    self.speaker = run
                    if result is None:
                        home.write_atomic(run.path / "result.json", json.dumps({"diverged": str(member.diverged)}))
                        write_end(run, str(member.diverged))
                    else:
                        self._keep(run, parts, net, phases, result)

                batch.run_all(ended)
        except CannotSplit:
            raise
        except Stopped:
            self._end_all(runs, "Stopped by request; it can be resumed.", "stopped")
            raise
        except TltkError as fault:
            self._end_all(runs, str(fault), refused=_is_refusal(fault))
            raise
        except BaseException as fault:
            self._end_all(runs, error_sentence(fault))
            raise

    @staticmethod
    def _end_all(runs: Sequence[Run], message: str, state: str = "failed", refused: bool = False) -> None:
        for run in runs:
            if run.status.state == "running":
                write_end(run, message, state, refused)

    def _count_seen_by_source(self, spec: TransferSpec, domain: Domain, split: Split) -> int:
        """How many of the pictures that validate or test here the run behind the weights learned from."""
        kind, _, name = spec.net.weights.partition(":")
        source = Run.at(name.partition("@")[0]).spec if kind == "run" else None
        if not isinstance(source, TransferSpec) or family(source.target.name) != family(spec.target.name):
            return 0
        try:
            # Read as these: where only pixels tell examples apart, they do so at one size alone.
            alike = read_alike(source.target, spec.target)
            theirs = divide(dataclasses.replace(source, target=alike), self.domain)
        except TltkError:
            return 0  # its pictures are gone; then nothing can be said
        mine, other = link_copies(domain, theirs.domain)
        return int(np.isin(held_out_origins(mine, split), other.origins[theirs.split.train]).sum())

    def begin(self, run: Run) -> None:
        """Note what the run is about to read; where that is not what it read before, it begins again and says so."""
        if provenance.discard_unusable(run):
            self.notify(f"Run {run.id}: {run.written_status().note}")
        provenance.record_source_versions(run)

    def _claim(self, run: Run, threads: int) -> None:
        """Claim the run, after its present owner: two studies may share a source network."""
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
                time.sleep(STATUS_SECONDS)

    def _train(self, run: Run, spec: TransferSpec) -> None:
        if spec.optim.processes == 1:
            self.train_share(run, spec)
            return
        with RowWriter(run, spec.optim.epochs, str(pick_device(spec.optim.device))):
            pass  # what lies there and cannot be gone on from is put aside before the first process looks
        torchrun.train(run, spec, self.check, self.enough)

    def train_share(self, run: Run, spec: TransferSpec) -> None:
        """Train a claimed run in this process, or this process's share of it.

        Args:
            run: Which.
            spec: Its spec.

        Raises:
            Pruned: Its study has seen enough.
        """
        parts = add_source(spec, divide(spec, self.domain), self.domain)
        domain, split = parts.domain, parts.split
        for sentence in (*parts.notes, *cautions(domain, split)):
            self.notify(sentence)
        net, phases = build_network(spec, domain, parts)
        for sentence in net.notes:
            self.notify(sentence)
        kind = RowWriter if self.writes else Reader
        with kind(run, sum(p.epochs for p in phases), str(pick_device(spec.optim.device))) as writer:

            def snapshot(net: Net, epoch: int) -> None:
                if self.writes:
                    weights.save(net, spec.net, run.snapshot(epoch), run=run.id, **_untaught(spec))

            def emit(rows: list[Row]) -> None:
                writer.emit(rows)
                if self.enough is not None and any(row.split == "val" for row in rows) and (why := self.enough(run)):
                    raise Pruned(why)

            callbacks = Callbacks(emit, self.notify, self.check, writer.save, snapshot, writer.saved)
            result = Training(
                spec,
                net,
                domain,
                split,
                phases,
                self.bank,
                callbacks,
                parts.source,
                parts.known,
                parts.classifier,
            ).run()
        if self.writes:
            self._keep(run, parts, net, phases, result)

    def _keep(self, run: Run, parts: Divided, net: Net, phases: list[Phase], result: TrainingResult) -> None:
        """Write the weights of a training that ended, then its result.

        Args:
            run: Of a training.
            parts: What it was trained and tested on.
            net: As it is to be kept.
            phases: That it went through.
            result: As the loop gives it.
        """
        spec, domain, split = run.spec, parts.domain, parts.split
        assert isinstance(spec, TransferSpec)
        check_result(result)
        data = re.sub(r":.*[/\\]", ":", spec.target.name)  # weights are given away; folders of this machine are not
        height, width = domain.images.shape[2:]
        height = height if domain.kind == PICTURES else width  # of texts and rows the size alone is told
        told = {"data": data, "size": str(height), "fit": spec.target.fit, "run": run.id}
        told |= {"width": str(width)} if width != height else {}
        told |= _untaught(spec) or {"classes": json.dumps(domain.classes)}
        weights.save(net, spec.net, run.path / "model.safetensors", **told)
        if isinstance(net.backbone, TextBackbone) and (reader := keep_reader(net.backbone)) is not None:
            home.write_atomic(run.path / READER, msgspec.json.encode(reader))
        read = account.training_data_fields(domain, split, spec.target)
        read["remarks"] += [*parts.notes, *cautions(domain, split), *net.notes]
        result = msgspec.structs.replace(
            result,
            **read,
            cautions=[*parts.notes, *result.cautions],
            phases=[PlannedPhase(p.boundary, list(p.lr_scale), p.epochs, p.restarts) for p in phases],
            threads=spec.optim.threads,
            taken_out=parts.taken_out,
            seen_by_source=self._count_seen_by_source(spec, domain, split),
        )
        home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(result)))
        run.write_status(state="done", message="", epoch=result.epochs, seconds=result.seconds)
        (run.path / "checkpoint.safetensors").unlink(missing_ok=True)


def _untaught(spec: TransferSpec) -> dict[str, str]:
    """What the header of weights says where no labels taught the head, so that it is left out."""
    return {"labels": "none"} if spec.labels == "none" else {}


def _is_done(run: Run) -> bool:
    """Whether it has its result; the checkpoint of one that was killed just then goes."""
    if run.status.state != "done" or run.result() is None:
        return False
    (run.path / "checkpoint.safetensors").unlink(missing_ok=True)
    return True


def error_sentence(fault: BaseException) -> str:
    """The sentence for an error of the machine's, or one of ours; the trace goes to the log."""
    traceback.print_exc()
    problem = MachineProblem.of(fault)
    if problem is not None and problem.errno != errno.ENOENT:  # we look for no file that need not be there
        return f"{problem} Then resume the run."
    return f"Internal error in tltk ({type(fault).__name__}: {fault}). The log has the details; please report it."


def _is_refusal(fault: TltkError) -> bool:
    """Whether what was asked for cannot be meant, rather than that a run or the machine failed."""
    return not isinstance(fault, RunProblem)


def write_end(run: Run, message: str, state: str = "failed", refused: bool = False) -> None:
    """Write why a run failed or stopped; where the disk is full, the log alone has it.

    Args:
        run: The run that ended.
        message: A sentence for its status.
        state: "failed" or "stopped".
        refused: Whether what was asked for cannot be meant.
    """
    with contextlib.suppress(MachineProblem):
        run.write_status(state=state, message=message, refused=refused)


def execute(run: Run) -> None:
    """Run whatever this folder asks for, and write how it ended."""
    worker = Worker(run)
    signal.signal(signal.SIGTERM, worker.ask_to_stop)
    try:
        spec = run.spec
        if isinstance(spec, TransferSpec):
            worker.train(run)
            return
        if _is_done(run):
            return
        run.claim()
        worker.begin(run)
        if spec.trains:
            _study(run, spec, worker)
        else:
            _answer(run, spec, worker)
    except Stopped:
        home.remove(run.stop_file)  # heeded; `claim` leaves it, so that none is lost at the start
        write_end(run, "Stopped by request; it can be resumed.", "stopped")
    except TltkError as fault:
        status = run.status
        print(fault, flush=True)
        if status.state != "running" or status.pid == os.getpid():  # else it is another process's to say
            write_end(run, str(fault), refused=_is_refusal(fault))
    except BaseException as fault:
        write_end(run, error_sentence(fault))
    finally:
        run.release()


def _answer(run: Run, spec: Spec, worker: Worker) -> None:
    """Answer a question with the analysis of its folder; pictures or tensors, and files by name, lie beside the answer.

    Tensors go where the answer's `file` says.
    """
    package = type(spec).__module__.rpartition(".")[0]
    answer = getattr(importlib.import_module(f"{package}.analysis"), package.rpartition(".")[2])
    found = answer(spec, Context(worker.domain, worker.bank, Callbacks(notify=worker.tell, check=worker.check)))
    found, sheet, *files = found if isinstance(found, tuple) else (found, None)
    if isinstance(sheet, dict):
        home.write_atomic(run.path / found.file, save({name: tensor.contiguous() for name, tensor in sheet.items()}))
    elif sheet is not None:
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        home.write_atomic(run.path / "pictures.png", buffer.getvalue())
    for name, content in (files[0] if files else {}).items():
        home.write_atomic(run.path / name, content)
    home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(found), allow_nan=False))
    run.write_status(state="done", message="")


def _study(run: Run, spec: Spec, worker: Worker) -> None:
    """Conduct the study of the spec's folder: its children are trained here, side by side where that pays."""
    start = time.perf_counter()
    package = type(spec).__module__.rpartition(".")[0]
    module = importlib.import_module(f"{package}.study")
    total = module.n_trainings(spec)

    def tell(done: int, what: str) -> None:
        seconds = round(time.perf_counter() - start, 1)
        run.write_status(epoch=done, epochs=total, message=what, seconds=seconds)

    def train_all(runs: list[Run], ended: Callable[[Run], None], enough: Callable[[Run], str] | None = None) -> None:
        worker.enough = enough
        executor().train_all(worker, runs, ended)

    found = conduct(run, getattr(module, package.rpartition(".")[2])(spec), train_all, tell)
    home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(found), allow_nan=False))
    run.write_status(state="done", epoch=total, message="", seconds=round(time.perf_counter() - start, 1))


def _log_to(path: Path) -> None:
    """Print to this file from now on; where it cannot be opened, nowhere."""
    if path.exists() and not path.is_file():
        home.quarantine(path, "it is no file")
    with contextlib.suppress(OSError):
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)


def _beat_for(run: Run) -> None:
    """Show every few seconds that this process lives, whatever it computes; forks inherit no timer.

    One that was silent for so long that its run was begun elsewhere ends at once, as its machine wakes: two must not
    write one run.
    """

    def beat(*_: object) -> None:
        if process.was_taken(run.path / LOCK):
            os._exit(REFUSED)
        run.beat()

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, beat)
        signal.setitimer(signal.ITIMER_REAL, BEAT_SECONDS, BEAT_SECONDS)


def _yield_to_lookers(run: Run) -> None:
    """Let whoever looks go first: where trainings want all cores, a click on a page would else wait for its turn.

    Questions are short and somebody waits for them. `TLTK_NICE` is by how much, 0 … 19; 0 = not at all.
    """
    with contextlib.suppress(TltkError, AttributeError, OSError):  # a spec that cannot be read; a system without it
        if run.spec.trains and os.getpriority(os.PRIO_PROCESS, 0) == 0:
            os.nice(int(min(home.setting("TLTK_NICE", NICENESS), 19)))


def _open(folder: Path) -> Run:
    """The run in this folder; of a home in an object store this machine's own copy of it, brought here whole.

    Where that cannot be, its status says why, and the run is not begun.
    """
    if not home.address():
        return Run(folder)
    run = Run.at(folder.name)
    try:
        sync.complete(run.id)
    except TltkError as fault:
        print(fault, flush=True)
        if (run.path / "spec.json").exists():
            write_end(run, str(fault))
        raise SystemExit(1) from None
    return run


def _send_all(run: Run) -> None:
    """Wait until the store has what this process found, if not for ever."""
    seconds = home.setting("TLTK_SEND_SECONDS", SEND_SECONDS)
    until = time.monotonic() + seconds
    if not all([sync.wait_until_sent(one.id, until - time.monotonic()) for one in walk(run)]):
        print(f"Not all of run {run.id} was sent within {seconds:g} s; it is when the store answers.", flush=True)


def main(arguments: list[str]) -> int:
    """Execute the run in the folder named; the exit code is 0 when it ended by itself."""
    given = arguments
    if arguments == ["--wait"]:
        order = json.loads(sys.stdin.readline() or "null")
        if order is None:
            return 0  # the supervisor that kept this spare is gone
        os.environ.update(order["environment"])
        _log_to(Path(order["log"]))
        arguments = [order["folder"]]
    is_sent_by_others = arguments != given
    torch.set_num_threads(pool.n_threads())  # after the order, which says how many
    run = _open(Path(arguments[0]))
    _beat_for(run)
    _yield_to_lookers(run)
    execute(run)
    if not is_sent_by_others:  # a supervisor's machine stays; this one may go with its worker
        _send_all(run)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)  # Python's end takes its handler away, and the next beat would kill it
    status = run.status
    if status.state == "running" and status.pid != os.getpid():
        return REFUSED  # another process has it
    return 0 if status.state in ("done", "stopped") else 1
