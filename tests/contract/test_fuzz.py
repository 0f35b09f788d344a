"""A little of the fuzz benchmark in every test run, and proof that it sees what it looks for.

Much more of it: python -m tests.benchmarks fuzz --count 1000
"""

from __future__ import annotations

import io
import json
import mmap
import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import bench_fuzz, fuzz_cases
from tests.benchmarks.bench_fuzz import GIGABYTE, Case, cases
from tltk.errors import BadSpec

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits are kept by signals")


@pytest.mark.parametrize(
    ("kind", "first", "count"),
    [("specs", 0, 25), ("flags", 0, 25), ("archives", 0, 12), ("pictures", 0, 12), ("tensors", 5, 12), ("homes", 0, 9)],
)
def test_what_strangers_send_is_answered_or_told(kind: str, first: int, count: int) -> None:
    found = list(cases(kind, count, seed=0, first=first))
    assert [case.number for case in found] == list(range(first, first + count))
    assert not [case for case in found if case.is_fault]
    assert max(case.memory for case in found) < GIGABYTE
    assert len({case.what for case in found}) > 2  # not one refusal of all


def handled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, handle: Callable[[Path, Path], str], limit: float = 5.0
) -> Case:
    """What the benchmark says of one case that does this; the two places are the outside and the mark."""
    reply = io.StringIO()
    monkeypatch.setattr(bench_fuzz, "REPLY", reply)
    monkeypatch.setenv("TLTK_FUZZ_MARK", "")
    tmp_path.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    kinds = {"one": lambda inside, outside, mark: lambda r: handle(outside, mark)}
    monkeypatch.setattr(fuzz_cases, "KINDS", kinds)
    bench_fuzz.batch("one", 0, 1, 0, tmp_path / "place", limit)
    body = json.loads(reply.getvalue())
    return Case(**{**body, "escapes": tuple(body["escapes"])})


def refuse(sentence: str) -> str:
    raise BadSpec(sentence)


def fail(fault: Exception) -> str:
    raise fault


def leave_mark(outside: Path, mark: Path) -> str:
    mark.touch()
    return "left"


def wait(outside: Path, mark: Path) -> str:
    while True:
        time.sleep(0.01)


def hoard(outside: Path, mark: Path) -> str:
    with mmap.mmap(-1, 200_000_000) as memory:  # of the system itself: the allocator may have as much lying idle
        return str(memory.write(b"x" * 200_000_000))


@pytest.mark.parametrize(
    ("handle", "outcome"),
    [
        (lambda outside, mark: "fine", "answer"),
        (lambda outside, mark: refuse("It must be so."), "sentence"),
        (lambda outside, mark: fail(KeyError("x")), "traceback"),
        (lambda outside, mark: fail(RecursionError()), "traceback"),
        (lambda outside, mark: refuse("Internal error in tltk (x)."), "traceback"),
        (lambda outside, mark: fail(MemoryError()), "traceback"),
    ],
)
def test_each_end_is_called_what_it_is(
    handle: Callable[[Path, Path], str], outcome: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = handled(monkeypatch, tmp_path, handle)
    assert case.outcome == outcome and case.is_fault == (outcome == "traceback")


@pytest.mark.parametrize(
    "handle",
    [
        lambda outside, mark: str((outside / "new").write_text("x")),
        lambda outside, mark: str((outside / "keep.txt").write_text("other")),
        lambda outside, mark: str((outside / "keep.txt").unlink()),
        lambda outside, mark: str((outside.parent / "beside").mkdir()),
    ],
)
def test_what_is_written_outside_is_seen(
    handle: Callable[[Path, Path], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = handled(monkeypatch, tmp_path, handle)
    assert case.escapes and case.is_fault


def test_a_mark_an_endless_case_and_a_hoard_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert handled(monkeypatch, tmp_path / "a", leave_mark).code_run
    assert handled(monkeypatch, tmp_path / "b", wait, limit=0.2).outcome == "stuck"
    assert handled(monkeypatch, tmp_path / "c", hoard).memory > 150_000_000


def test_a_pickle_that_runs_would_leave_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases are armed: opened by Python itself, they do what they are made for."""
    import pickle

    mark = tmp_path / "ran"
    monkeypatch.setenv("TLTK_FUZZ_MARK", str(mark))
    pickle.loads(pickle.dumps(fuzz_cases.Mark()))
    assert mark.exists()


def test_a_process_that_dies_is_told_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the second case ends it; the first and the third are there all the same."""
    script = (
        "import sys, json\n"
        "first = int(sys.argv[sys.argv.index('--first') + 1])\n"
        "for n in range(first, 3):\n"
        "    if n == 1: sys.exit(7)\n"
        "    body = dict(kind='x', number=n, outcome='answer', what='', escapes=[], code_run=False, memory=0)\n"
        "    print(json.dumps(body), flush=True)\n"
    )
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda words, **more: popen([words[0], "-c", script, *words[3:]], **more))
    found = list(cases("x", 3, seed=0))
    assert [(c.number, c.outcome) for c in found] == [(0, "answer"), (1, "traceback"), (2, "answer")]
    assert "code 7" in found[1].what


def test_a_case_is_drawn_from_its_number_alone() -> None:
    one, again = (fuzz_cases.picture(fuzz_cases.draw(3, "pictures", 5)) for _ in range(2))
    assert one == again != fuzz_cases.picture(fuzz_cases.draw(3, "pictures", 6))
    assert isinstance(fuzz_cases.draw(0, "x", 0), random.Random)
