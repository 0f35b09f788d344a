"""A study's trainings on several GPUs: a process for each, and one GPU for each process."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.support.engine import spec
from tltk import home
from tltk.errors import RunProblem
from tltk.jobs import pool
from tltk.runs.run import Run

WORKER = """
import json, os, sys, time
from pathlib import Path
from tltk.runs.run import Run
run = Run(Path(sys.argv[-1]))
begin = time.time()
time.sleep(0.3)
row = {"run": run.id, "gpu": os.environ["CUDA_VISIBLE_DEVICES"], "module": sys.argv[1:-1], "from": begin}
fails = run.spec.seed == 99
Path(os.environ["SEEN"], run.id).write_text(json.dumps({**row, "to": time.time()}))
run.write_status(state="failed" if fails else "done", message="No more." if fails else "")
sys.exit(fails)
"""


class Here:
    """Trains nothing in this process."""

    def __init__(self) -> None:
        self.owner = Run(Path("study"))

    def load(self, runs: Sequence[Run]) -> None:
        raise AssertionError("each run has a process of its own")

    def train(self, run: Run) -> Run:
        raise AssertionError("each run has a process of its own")

    def train_batch(self, runs: Sequence[Run]) -> None:
        raise AssertionError("each run has a process of its own")

    def check(self) -> None:
        pass

    def child(self, run: Run) -> Here:
        return self


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two GPUs, whose worker process writes down which of them it sees."""
    seen, program, python = tmp_path / "seen", tmp_path / "worker.py", tmp_path / "python"
    seen.mkdir()
    program.write_text(WORKER)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("SEEN", str(seen))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(pool, "pick_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(pool, "n_gpus", lambda: 2)
    return seen


def runs(*seeds: int) -> list[Run]:
    made = []
    for seed in seeds:
        run = Run.create(dataclasses.replace(spec(), seed=seed))
        made.append(run)
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="the worker of this test is a shell script")
@pytest.mark.parametrize(
    ("visible", "gpus"), [("", {"0", "1"}), ("3,5", {"3", "5"}), ("GPU-a, GPU-b", {"GPU-a", "GPU-b"})]
)
def test_one_run_on_each_gpu(two_gpus: Path, monkeypatch: pytest.MonkeyPatch, visible: str, gpus: set[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    done: list[Run] = []
    asked = runs(1, 2, 3, 4)
    pool.train_all(Here(), asked, done.append)
    assert {run.id for run in done} == {run.id for run in asked}
    rows = [json.loads(path.read_text()) for path in two_gpus.iterdir()]
    assert len(rows) == 4 and {row["gpu"] for row in rows} == gpus
    assert all(row["module"] == ["-m", "tltk.run"] for row in rows)
    for gpu in gpus:
        times = sorted((row["from"], row["to"]) for row in rows if row["gpu"] == gpu)
        assert all(before[1] <= after[0] for before, after in zip(times, times[1:], strict=False)), "two at once"


@pytest.mark.skipif(sys.platform == "win32", reason="the worker of this test is a shell script")
def test_a_run_in_two_processes_gets_two_gpus(two_gpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "n_gpus", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6,7")
    asked = [Run.create(dataclasses.replace(spec(processes=2), seed=seed)) for seed in (1, 2)]
    pool.train_all(Here(), asked, lambda run: None)
    assert {json.loads(path.read_text())["gpu"] for path in two_gpus.iterdir()} == {"3,5", "6,7"}


@pytest.mark.skipif(sys.platform == "win32", reason="the worker of this test is a shell script")
def test_one_that_fails_ends_them_all(two_gpus: Path) -> None:
    done: list[Run] = []
    with pytest.raises(RunProblem, match="No more"):
        pool.train_all(Here(), runs(99, 1, 2, 3, 4, 5), done.append)
    assert len(list(two_gpus.iterdir())) < 6
    assert home.folder("runs").is_dir()
