"""`python -m tltk.jobs.share FOLDER TOLD PID BORN`: one of several processes of a training, begun by torchrun.

Each loads the pictures, builds the network and goes through the loop; the first writes rows, status and checkpoint.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tltk import home
from tltk.errors import TltkError
from tltk.jobs.torchrun import FAULT
from tltk.jobs.worker import Worker, error_sentence
from tltk.runs import process
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.training.callbacks import Stopped
from tltk.training.optimizer import pick_device

LOOK_SECONDS = 0.5  # between two looks at whether the worker lives
PATIENCE = datetime.timedelta(days=7)  # for one another: torchrun ends those that wait for one that is lost


class Share(Worker):
    """The worker of one process: the first one's sentences and rows are the run's, the others say nothing.

    Args:
        run: The training.
        worker: Number and identity of the process that started it; without that it ends.
    """

    def __init__(self, run: Run, worker: tuple[int, str | float]) -> None:
        super().__init__(run)
        self._started_by, self._looked = worker, 0.0
        self.writes = dist.get_rank() == 0

    def check(self) -> None:
        """Raise `Stopped` where nobody waits for this process any more; to stop the run is the worker's to hear."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if not process.is_alive(*self._started_by):
                raise Stopped

    def notify(self, sentence: str) -> None:
        """A sentence for the log and the status, once and not from each process."""
        if self.writes:
            super().notify(sentence)


class _Unwritten(Run):
    """The run as the other processes see it: its status is the first one's to write."""

    def write_status(self, **changes: Any) -> None:
        """Nothing."""


def _begin(spec: TransferSpec) -> None:
    """Meet the others."""
    torch.set_num_threads(spec.optim.threads)
    on_gpu = pick_device(spec.optim.device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)


def _is_echo(fault: BaseException) -> bool:
    """Whether it only says that another process is gone."""
    return isinstance(fault, dist.DistError) or (isinstance(fault, RuntimeError) and "gloo" in str(fault))


def main(arguments: list[str]) -> int:
    """Train this process's share of the run in the folder named; 0 when it came to its end."""
    run, told = Run(Path(arguments[0])), Path(arguments[1])
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    try:
        spec = run.spec
        assert isinstance(spec, TransferSpec)
        _begin(spec)
        run = run if dist.get_rank() == 0 else _Unwritten(run.path)
        Share(run, (int(arguments[2]), json.loads(arguments[3]))).train_share(run, spec)
    except BaseException as fault:
        if not _is_echo(fault):
            says = str(fault) if isinstance(fault, TltkError | Stopped) else error_sentence(fault)
            body = {"kind": type(fault).__name__, "says": says, "at": str(time.time())}
            with contextlib.suppress(TltkError, OSError):
                home.write_atomic(told / FAULT.format(os.environ["RANK"]), json.dumps(body))
        sys.stdout.flush()
        os._exit(1)  # without a last word to the others, who may wait for this one for good
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
