"""One training in several processes, started by torchrun and watched by the one worker that holds the run.

The worker stays the run's process: it holds the claim and the place in the queue, hears that it is to stop and writes
how the run ended. The processes that it starts execute `tltk.jobs.share`; the first writes rows and checkpoints.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tltk import errors, home
from tltk.errors import BadSpec, Pruned, RunProblem, TltkError
from tltk.runs import process
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.training.callbacks import Stopped
from tltk.training.optimizer import pick_device

LOOK_SECONDS = 0.1  # between two looks at the processes
GRACE_SECONDS = 10.0  # that they get to end when they are asked to
FAULT = "fault-{}.json"  # why a process of this number failed


def check_devices(spec: TransferSpec) -> None:
    """Refuse more processes than there are devices for them.

    Raises:
        BadSpec: There are fewer.
    """
    wanted, device = spec.optim.processes, pick_device(spec.optim.device).type
    have = {"cuda": torch.cuda.device_count(), "cpu": wanted}.get(device, 1)
    if have < wanted:
        raise BadSpec(
            f"Each process of a training must have a GPU of its own, or all compute on the processor. optim.processes "
            f"is {wanted}, and {have} of the kind {device} can be used here; ask for {have}, or set optim.device to "
            f"cpu."
        )


def train(run: Run, spec: TransferSpec, check: Callable[[], None], enough: Callable[[Run], str] | None = None) -> None:
    """Train a run in as many processes as it asks for, to its end.

    Args:
        run: That this process has claimed.
        spec: Its spec.
        check: Raises `Stopped` when somebody asked for it.
        enough: Why it need not go on; "" = it must. None = nobody asks.

    Raises:
        BadSpec: There are fewer devices.
        Stopped: `check` said so; all processes are gone.
        TltkError: What one of them failed with.
        RunProblem: One of them was lost.
    """
    check_devices(spec)
    with tempfile.TemporaryDirectory(prefix="tltk-processes-") as told:
        _run(run, spec, Path(told), check, enough)
    if run.result() is None:
        raise RunProblem(_lost(spec))


def _run(
    run: Run, spec: TransferSpec, told: Path, check: Callable[[], None], enough: Callable[[Run], str] | None
) -> None:
    """Start them, and wait until they have ended."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
    command += [f"--nproc-per-node={spec.optim.processes}", "-m", "tltk.jobs.share"]
    command += [str(run.path), str(told), str(os.getpid()), json.dumps(process.identity(os.getpid()))]
    # They say themselves why they failed; torch's notes on what could be faster are for whoever writes the loop.
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": str(spec.optim.threads)}
    rows, seen = run.path / "rows.jsonl", 0
    started = subprocess.Popen(command, env={**quiet, **os.environ}, stdin=subprocess.DEVNULL)
    try:
        while started.poll() is None:
            check()
            with contextlib.suppress(OSError):
                if enough is not None and (size := rows.stat().st_size) > seen:
                    seen = size
                    if why := enough(run):
                        raise Pruned(why)
            time.sleep(LOOK_SECONDS)
    finally:
        _end(started)
    if started.returncode:
        raise read_fault(told, spec.optim.processes) or RunProblem(_lost(spec))


def _end(started: subprocess.Popen[bytes]) -> None:
    """End what was started, if it lives; torchrun hands the signal on to each process."""
    if started.poll() is not None:
        return
    started.send_signal(signal.SIGTERM)
    try:
        started.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()  # its processes see at their next step that this one no longer waits for them
        started.wait()


def read_fault(told: Path, n: int) -> TltkError | Stopped | None:
    """What the first process to fail said; None where none did, as when one is killed.

    Args:
        told: Where they write it.
        n: How many there are.
    """
    found: list[tuple[float, dict[str, str]]] = []
    for rank in range(n):
        body = home.read_json(told / FAULT.format(rank), dict[str, str])
        if body is not None:
            found.append((float(body["at"]), body))
    if not found:
        return None
    body = min(found, key=lambda one: one[0])[1]
    if body["kind"] == Stopped.__name__:
        return Stopped()
    kind = getattr(errors, body["kind"], None)
    if isinstance(kind, type) and issubclass(kind, TltkError):
        return kind(body["says"])
    return RunProblem(body["says"])


def _lost(spec: TransferSpec) -> str:
    """The sentence for a process that ended without a word."""
    return (
        f"All {spec.optim.processes} processes of this training must live to its end. One was lost without a message "
        f"(killed, or memory ran out). Resume it: it continues from its last checkpoint; the log may say more."
    )
