"""Every file of a home, damaged in every way that we can think of: no verb falls, no run is hidden, the queue goes on."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from tests.support.results import trained
from tltk import home
from tltk.cli import main as cli
from tltk.dashboard import routes
from tltk.errors import TltkError
from tltk.jobs import executor, provenance, queue, supervisor
from tltk.results.rows import Row
from tltk.runs.process import identity
from tltk.runs.run import Child, Run, all_runs
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights import store

SPEC = TransferSpec(DataSpec("digits", n=200, size=16), NetSpec("test_resnet"), optim=OptimSpec(epochs=1, device="cpu"))
OTHER = TransferSpec(SPEC.target, SPEC.net, optim=SPEC.optim, seed=1)
STUDY = CompareSpec(source=DataSpec("rendered_digits"))
RESULT: dict[str, object] = msgspec.to_builtins(
    trained(
        accuracy=0.5, macro_f1=0.5, val_accuracy=0.5, val_loss=1.0, loss=1.0, epochs=1, steps=3, seconds=1.0, images=9
    )
)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] = 0xFF
    path.write_bytes(data)


def in_a_text(path: Path) -> None:
    """A byte that is no UTF-8, within a string where there is one."""
    data = path.read_bytes()
    at = data.rfind(b'"')
    path.write_bytes(data[:at] + b"\xff" + data[at:])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def junk(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def gone(path: Path) -> None:
    path.unlink()


def nested(path: Path) -> None:
    path.write_text("[" * 100_000 + "]" * 100_000)


def other_types(path: Path) -> None:
    """Valid JSON, every value of another type."""

    def turned(value: object) -> object:
        if isinstance(value, dict):
            return {k: turned(v) for k, v in value.items()}
        return {"x": [value]} if isinstance(value, str) else "text"

    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(json.dumps(turned(json.loads(line))).encode() for line in lines) + b"\n")


def huge_numbers(path: Path) -> None:
    def grown(value: object) -> object:
        if isinstance(value, dict):
            return {k: grown(v) for k, v in value.items()}
        return 10**40 if type(value) in (int, float) else value

    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(json.dumps(grown(json.loads(line))).encode() for line in lines) + b"\n")


def another_value(path: Path) -> None:
    path.write_text("7\n")


WAYS = (
    empty,
    one_byte,
    in_a_text,
    cut,
    junk,
    zeros,
    folder,
    pipe,
    endless,
    gone,
    nested,
    other_types,
    huge_numbers,
    another_value,
)
JSON = ("spec.json", "status.json", "rows.jsonl", "children.jsonl", "result.json", "inputs.json")
OTHERS = ("log.txt", "model.safetensors", "checkpoint.safetensors", "lock")
CASES = [(name, way) for name in JSON for way in WAYS] + [
    (name, way) for name in OTHERS for way in (empty, junk, folder, pipe, gone)
]


class Idle:
    """A worker that only gets the run."""

    def __init__(self) -> None:
        self.process = SimpleNamespace(pid=os.getpid(), poll=lambda: None, stdin=None)
        self.born = identity(os.getpid())

    def give(self, run: Run, environment: dict[str, str]) -> None:
        """It does nothing with it."""


@pytest.fixture(autouse=True)
def _idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "Worker", Idle)
    monkeypatch.setattr(supervisor, "slots", lambda: [{"TLTK_THREADS": "1"}] * 3)
    monkeypatch.setenv("TLTK_SPARE", "0")
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    monkeypatch.setattr("tltk.cli.following.wait", lambda run, watch: run)


def done(spec: TransferSpec | CompareSpec, result: dict[str, object]) -> Run:
    """A run with every file that a run can have."""
    run = Run.create(spec)
    rows = [Row(1, step, 0.1, "val", "accuracy", 0.5) for step in (1, 2, 3)]
    (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))
    child = Child(OTHER.run_id, "scratch", "measure", 0, 1e-3)
    (run.path / "children.jsonl").write_bytes(msgspec.json.encode(child) + b"\n")
    (run.path / "result.json").write_text(json.dumps(result))
    (run.path / "inputs.json").write_text('{"folder:/none": "mark"}')
    for name in OTHERS:
        (run.path / name).write_bytes(b"some bytes of it")
    run.write_status(state="done", message="a word", epoch=1, epochs=1, pid=7, seconds=1.0)
    return run


def small_home() -> tuple[Run, Run]:
    """Two finished runs: the one that is damaged, and the one that must not suffer."""
    whole = done(OTHER, RESULT)
    return done(SPEC, RESULT), whole


def tltk(*words: str) -> str:
    """What a verb prints, whatever its exit code; anything but a sentence fails."""
    found = CliRunner().invoke(cli.main, list(words))
    assert found.exception is None or isinstance(found.exception, SystemExit), (words, found.exc_info)
    assert found.exit_code in (0, 1, 2)
    assert "Traceback" not in found.output and "Internal error in tltk" not in found.output, found.output
    return found.output


def looked_at(run: Run) -> None:
    """What pages and routes ask of a run; a sentence is an answer."""

    def ask(what: Callable[[], object]) -> None:
        try:
            what()
        except TltkError as fault:
            assert str(fault)

    wanted = routes.Wanted("accuracy", ("val",), "step", routes.ROLES)
    for what in (
        lambda: run.status,
        lambda: run.spec,
        run.result,
        run.rows,
        run.children,
        lambda: run.curve("accuracy"),
        run.snapshots,
        lambda: executor().state(run.id),
        lambda: executor().log(run.id),
        lambda: provenance.changed_sources(run),
        store.local_sources,
        lambda: routes._lines(run, wanted),
        lambda: executor().ahead(run.id),
    ):
        ask(what)
    assert isinstance(run.status.message, str)


@pytest.mark.parametrize(("name", "way"), CASES, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_one_damaged_file_stops_nothing(name: str, way: Callable[[Path], None]) -> None:
    run, whole = small_home()
    way(run.path / name)
    listing = tltk("runs")
    assert whole.id in listing
    tltk("runs", "--json")
    tltk("runs", "show", run.id)
    assert "50.0%" in tltk("runs", "show", whole.id)
    looked_at(run)
    tltk("runs", "export", run.id, str(home.home() / "x.zip"))
    tltk("run", "--detach", "--spec", str(asked()))
    later = executor().submit(TransferSpec(SPEC.target, SPEC.net, optim=SPEC.optim, seed=9))
    boss = supervisor.Supervisor()
    for _ in range(2):
        boss.tick()
    job = queue.find(later.id)
    assert job is not None and job.state == "running"  # the queue goes on
    assert run.spec == SPEC  # restored when the same was asked for
    tltk("runs", "show", run.id)
    tltk("runs", "stop", run.id)


def asked() -> Path:
    path = home.home() / "asked.json"
    path.write_text(SPEC.to_json())
    return path


@pytest.mark.parametrize("way", [one_byte, in_a_text, cut, junk, folder, empty, nested, other_types, huge_numbers])
@pytest.mark.parametrize("name", ["status.json", "result.json"])
def test_what_is_damaged_is_set_aside_and_named(
    name: str, way: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    run, _ = small_home()
    if (name, way) == ("result.json", one_byte):
        (run.path / name).write_bytes(b'{"accuracy": 0.5, \xff"loss": 1}')
    else:
        way(run.path / name)
    with caplog.at_level(logging.WARNING):
        run.result()
        status = run.status
    assert (run.path / f"{name}.damaged").exists()
    assert f"{name} was damaged" in caplog.text and f"{name}.damaged" in caplog.text
    if name == "status.json":
        assert (status.state, status.epochs) == ("done", 1)  # its result says so
    else:
        assert status.state == "failed" and "result.json.damaged" in status.message


def test_the_rebuilt_status_of_a_run_without_a_result() -> None:
    run = Run.create(SPEC)
    (run.path / "status.json").write_bytes(b'{"state": "running", "message": "\xff"}')
    status = run.status
    assert status.state == "failed"
    assert "status.json.damaged" in status.message and "Resume it" in status.message


def test_a_child_that_is_a_path_is_none() -> None:
    run = Run.create(STUDY)
    (run.path / "children.jsonl").write_text('{"id":"../../etc","arm":"a","role":"measure","seed":0,"lr":1}\n')
    assert run.children() == []


# -- the table of jobs ------------------------------------------------------------------------------------


def bad_row(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE jobs SET light='text', pid='none'")


def bad_name(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE jobs SET run='../../' || run")


def bytes_for_text(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE jobs SET run=CAST(X'ff' || CAST(run AS BLOB) AS TEXT)")


def other_table(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE jobs")
        db.execute("CREATE TABLE jobs (other TEXT)")


@pytest.mark.parametrize("way", [empty, junk, zeros, cut, folder, bad_row, bad_name, bytes_for_text, other_table])
def test_a_damaged_table_is_set_aside_and_made_again_from_the_folders(
    way: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    waiting, running = executor().submit(OTHER), executor().submit(SPEC)
    over = done(TransferSpec(seed=5), RESULT)
    running.write_status(state="running", pid=os.getpid(), pid_born=identity(os.getpid()))
    path = home.home() / "tltk.db"
    for ending in ("-wal", "-shm"):
        shutil.rmtree(path.with_name(path.name + ending), ignore_errors=True)
    way(path)
    with caplog.at_level(logging.WARNING):
        jobs = {job.run: job for job in queue.jobs()}
    assert "was set aside as tltk.db.damaged" in caplog.text
    assert jobs[waiting.id].state == "queued" and jobs[running.id].state == "running"
    assert jobs[running.id].pid == os.getpid() and over.id not in jobs
    assert (home.home() / "tltk.db.damaged").exists()
    assert waiting.id in tltk("runs")


@pytest.mark.parametrize("name", ["claim.lock", "supervisor.log", "table.lock", "supervisor.lock"])
def test_other_files_of_the_home(name: str) -> None:
    small_home()
    (home.home() / name).unlink(missing_ok=True)
    (home.home() / name).mkdir()
    tltk("runs")
    tltk("run", "--detach", "--spec", str(asked()))
    for run in all_runs():
        looked_at(run)
