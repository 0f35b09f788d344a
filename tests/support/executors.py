"""Executors for tests: name one in the setting TLTK_EXECUTOR."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tests.support.results import trained
from tltk import home
from tltk.jobs import Local, queue
from tltk.jobs.executor import Trainer
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec


class Idle(Local):
    """Queues what is asked for, and nobody runs it."""

    def wake(self) -> None:
        pass


class Inline(Local):
    """Runs what is queued at once, in this process: no imports to wait for."""

    def wake(self) -> None:
        from tltk.jobs import worker

        for job in queue.jobs():
            worker.execute(Run.at(job.run))
            queue.remove(job.run)


class Late(Inline):
    """Says why what is queued has to wait, and runs it when it is asked the second time."""

    def wake(self) -> None:
        for job in queue.jobs():
            run = Run.at(job.run)
            if not run.written_status().message:
                run.write_status(message="The cluster must answer. It does not.")
                return
        super().wake()


class Pretending(Idle):
    """Ends every child of a study at once: right on every second picture."""

    def train_all(self, trainer: Trainer, runs: Sequence[Run], ended: Callable[[Run], None]) -> None:
        for run in runs:
            assert isinstance(run.spec, TransferSpec)
            result = trained(val_accuracy=run.spec.optim.lr, val_loss=1.0, labels=[0, 1] * 10, predictions=[0, 0] * 10)
            home.write_atomic(run.path / "result.json", msgspec.json.encode(result))
            run.write_status(state="done")
            ended(run)
