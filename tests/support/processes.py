"""A home with a supervisor of its own, and waiting for it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

PATIENCE = 90.0  # seconds: a cold import of torch on a busy machine takes fifteen


def processes(root: Path) -> list[psutil.Process]:
    """Every live process whose home this is."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("TLTK_HOME") == str(root) and process.pid != os.getpid()
            if ours and process.status() != psutil.STATUS_ZOMBIE and "python" in process.name():
                found.append(process)
    return found


@contextlib.contextmanager
def machine(root: Path, executor: str = "local", slots: int = 1) -> Iterator[None]:
    """A home with light jobs; at the end nothing of it is left running.

    Args:
        root: The home.
        executor: As `TLTK_EXECUTOR` has it.
        slots: How many trainings may go at once.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "TLTK_HOME": str(root),
            "TLTK_EXECUTOR": executor,
            "TLTK_SPARE": "0",
            "TLTK_SUPERVISOR_IDLE": "1",
            "TLTK_SLOTS": str(slots),
            "PYTHONDONTWRITEBYTECODE": "",
            "CUDA_VISIBLE_DEVICES": "",
        }.items():
            patch.setenv(name, value)
        try:
            yield
        finally:
            for process in processes(root):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            until(lambda: not processes(root))


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain"
        time.sleep(0.02)
