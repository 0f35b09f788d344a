"""Executors for tests: name one in the setting TLTK_EXECUTOR."""

from __future__ import annotations

from tltk.jobs import Local, queue
from tltk.runs.run import Run


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
