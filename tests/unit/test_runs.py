"""Run folders: what is torn, cut, claimed twice, gone or dead."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import msgspec
import psutil
import pytest

from tltk import home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.results.rows import Row
from tltk.runs.process import is_alive
from tltk.runs.run import Child, Run, Status, all_runs, walk
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights.export import export_bytes

SPEC = TransferSpec(DataSpec("digits", n=200))


def row(step: int, name: str = "loss", split: str = "train", layer: int | None = None) -> Row:
    return Row(1, step, step / 10, split, name, step / 100, layer)


def write(run: Run, rows: list[Row], tail: bytes = b"") -> None:
    (run.path / "rows.jsonl").write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows) + tail)


def running(run: Run, pid: int | None = None) -> None:
    pid = os.getpid() if pid is None else pid
    run.write_status(state="running", pid=pid, pid_born=psutil.Process(pid).create_time())


def test_create_keeps_what_is_there() -> None:
    first = Run.create(SPEC)
    (first.path / "rows.jsonl").write_bytes(b"")
    stamp = (first.path / "spec.json").stat().st_mtime_ns
    again = Run.create(SPEC)
    assert again == first
    assert again.spec == SPEC
    assert (again.path / "spec.json").stat().st_mtime_ns == stamp
    assert again.id == SPEC.run_id


def test_rows_by_byte_offset() -> None:
    run = Run.create(SPEC)
    assert run.rows() == ([], 0)
    write(run, [row(1), row(2)])
    rows, at = run.rows()
    assert rows == [row(1), row(2)]
    assert at == (run.path / "rows.jsonl").stat().st_size
    assert run.rows(at) == ([], at)
    with (run.path / "rows.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(row(3, layer=4)) + b"\n")
    assert run.rows(at)[0] == [row(3, layer=4)]


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_torn_last_line_is_left_for_later(keep: int) -> None:
    run = Run.create(SPEC)
    line = msgspec.json.encode(row(2))
    write(run, [row(1)], line[:keep])
    rows, at = run.rows()
    assert rows == [row(1)]
    with (run.path / "rows.jsonl").open("ab") as file:
        file.write(line[keep:] + b"\n")
    assert run.rows(at)[0] == [row(2)]


def test_a_torn_line_in_the_middle_is_dropped_alone() -> None:
    run = Run.create(SPEC)
    write(run, [row(1)], b'{"epoch": 1, "st\n\x00\x00\x00\n' + msgspec.json.encode(row(2)) + b"\n")
    assert run.rows()[0] == [row(1), row(2)]


def test_a_file_cut_back_by_a_resume_gives_nothing_until_it_is_longer_again() -> None:
    run = Run.create(SPEC)
    write(run, [row(i) for i in range(5)])
    _, at = run.rows()
    write(run, [row(1)])
    assert run.rows(at) == ([], at)
    write(run, [row(i) for i in range(6)])
    assert run.rows(at)[0] == [row(5)]


def test_curve_takes_one_name_and_split_and_no_layers() -> None:
    run = Run.create(SPEC)
    write(
        run,
        [row(1, split="val"), row(2), row(3, split="val"), row(4, split="val", layer=0), row(5, "lr", "val")],
    )
    curve = run.curve("loss")
    assert (curve.x, curve.y, curve.x_unit) == ((1.0, 3.0), (0.01, 0.03), "step")
    assert run.curve("loss", x="seconds").x == (0.1, 0.3)


def test_status_of_a_new_run_and_of_a_torn_file() -> None:
    run = Run.create(SPEC)
    assert run.status == Status()
    (run.path / "status.json").write_bytes(b'{"state": "runn')
    assert run.status.state == "failed"
    assert "was damaged" in run.status.message
    run.write_status(epoch=3)
    assert run.status.epoch == 3


def test_a_running_run_whose_process_is_dead_has_failed() -> None:
    run = Run.create(SPEC)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    born = psutil.Process(dead.pid).create_time()
    run.write_status(state="running", pid=dead.pid, pid_born=born)
    dead.wait()
    assert run.written_status().state == "running"
    assert run.status.state == "failed"
    assert "Resume it" in run.status.message


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    born = psutil.Process(child.pid).create_time()
    assert is_alive(child.pid, born)
    psutil.Process(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    assert not is_alive(child.pid, born)
    child.wait()
    assert not is_alive(child.pid, born)


def test_a_number_used_again_is_not_the_same_process() -> None:
    born = psutil.Process().create_time()
    assert is_alive(os.getpid(), born)
    assert not is_alive(os.getpid(), born - 1000)
    run = Run.create(SPEC)
    run.write_status(state="running", pid=os.getpid(), pid_born=born - 1000)
    assert run.status.state == "failed"


def test_claim_twice_by_one_process_and_after_a_dead_one() -> None:
    run = Run.create(SPEC)
    run.claim()
    run.claim()
    assert run.status.pid == os.getpid()
    run.write_status(state="running", pid=2**22 + 5, pid_born=1.0)
    run.claim()
    assert run.status.state == "running"


def test_claim_leaves_a_request_to_stop_that_came_while_it_started() -> None:
    run = Run.create(SPEC)
    run.ask_to_stop()
    run.claim()
    assert run.stop_file.exists()


CLAIM = """
import sys, time
from pathlib import Path
from tltk.errors import RunProblem
from tltk.runs.run import Run
run = Run(Path(sys.argv[1]))
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
try:
    run.claim()
    print("mine")
except RunProblem as fault:
    print(fault)
sys.stdout.flush()
sys.stdin.read()  # live on until all have tried
"""


def test_of_processes_that_claim_at_once_one_wins() -> None:
    import time

    run, at = Run.create(SPEC), time.time() + 2.5
    all_of_them = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(run.path), str(at)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [p.stdout.readline().strip() for p in all_of_them if p.stdout]
    for p in all_of_them:
        p.communicate()
    assert sorted(said)[-1] == "mine"
    assert said.count("mine") == 1
    assert sum("is being run by process" in text for text in said) == 3


@pytest.mark.parametrize("verb", ["clear", "delete"])
def test_nothing_is_removed_under_a_running_process(verb: str) -> None:
    run = Run.create(SPEC)
    running(run)
    with pytest.raises(RunProblem, match="is running; stop it"):
        getattr(run, verb)()
    assert run.spec == SPEC


def test_to_clear_a_run_loses_nothing() -> None:
    run = Run.create(SPEC)
    write(run, [row(1)])
    home.write_atomic(run.path / "result.json", '{"accuracy": 0.5}')
    run.snapshot(1).write_bytes(b"weights")
    (run.path / "model.safetensors").write_bytes(b"weights")
    run.write_label(name="mine")
    run.ask_to_stop()
    run.write_status(state="done", seconds=3.0)
    for number in (1, 2):
        run.clear()
        assert run.attempts() == list(range(1, number + 1))
        assert run.status.state == "waiting" and f"earlier/{number}" in run.status.message
        assert (run.rows()[0], run.result(), run.snapshots()) == ([], None, [])
        assert not run.stop_file.exists() and not (run.path / "model.safetensors").exists()
        assert run.label.name == "mine" and run.spec == SPEC
        before = run.attempt(number)
        assert before.rows()[0] == [row(number)] and before.spec == SPEC
        write(run, [row(number + 1)])
    first = run.attempt(1)
    assert (first.result(), first.snapshots(), first.status.seconds) == ({"accuracy": 0.5}, [1], 3.0)
    assert (first.path / "model.safetensors").read_bytes() == b"weights"
    with pytest.raises(UnknownName, match="An earlier attempt of run .* must be one of 1, 2. Got '3'"):
        run.attempt(3)
    run.delete()
    assert not first.path.exists()


def test_a_run_that_found_nothing_leaves_no_attempt() -> None:
    run = Run.create(SPEC)
    run.write_status(state="failed", message="It could not begin.")
    (run.path / "log.txt").write_text("no")
    run.ask_to_stop()
    run.clear()
    assert [p.name for p in run.path.iterdir()] == ["spec.json"]
    assert run.status.state == "waiting" and run.attempts() == []


@pytest.mark.parametrize("name", ["0", "01", "-1", "1.5", "x", "²", "9" * 40])
def test_other_folders_are_no_attempts(name: str) -> None:
    run = Run.create(SPEC)
    (run.path / "earlier" / name).mkdir(parents=True)
    (run.path / "earlier" / "7").touch()
    assert run.attempts() == []


def test_delete_and_what_is_left() -> None:
    run = Run.create(SPEC)
    run.delete()
    assert not run.path.exists()
    assert all_runs() == []
    run.ask_to_stop()
    assert run.rows() == ([], 0)
    assert run.result() is None
    assert run.children() == []
    with pytest.raises(RunProblem, match=r"must have a spec\.json"):
        run.spec  # noqa: B018


def test_open_by_the_first_digits() -> None:
    run = Run.create(SPEC)
    for n in (1, 3, 6, 12):
        assert Run.open(run.id[:n]) == run
    with pytest.raises(UnknownName, match="A run must be one of"):
        Run.open("f" * 12 if run.id[0] != "f" else "e" * 12)


def test_open_refuses_what_several_begin_with_and_what_is_no_id() -> None:
    ids = sorted(Run.create(TransferSpec(seed=s)).id for s in range(17))
    twice = next(a[0] for a, b in zip(ids, ids[1:], strict=False) if a[0] == b[0])
    with pytest.raises(UnknownName) as caught:
        Run.open(twice)
    assert all(i in str(caught.value) for i in ids if i[0] == twice)
    with pytest.raises(UnknownName):
        Run.open("")
    for text in ("..", "../runs", "ZZ", "a/b", "a" * 65):
        with pytest.raises(BadSpec):
            Run.open(text)
        with pytest.raises(BadSpec):
            Run.at(text)


def test_open_in_an_empty_home() -> None:
    with pytest.raises(UnknownName, match="there is none yet"):
        Run.open("3f9ac1")


def test_newest_first_and_folders_without_a_spec_left_out() -> None:
    old, new = Run.create(TransferSpec(seed=1)), Run.create(TransferSpec(seed=2))
    os.utime(old.path / "spec.json", (1, 1))
    (home.folder("runs") / "aaaaaaaaaaaa").mkdir()
    (home.folder("runs") / "stray.txt").write_text("")
    assert all_runs() == [new, old]


def test_children_in_order_without_repeats_and_torn_lines() -> None:
    run = Run.create(CompareSpec())
    a, b = Child("a" * 12, "scratch", "search", 0, 1e-3), Child("b" * 12, "transfer", "measure", 1, 1e-3)
    run.write_children([b])
    run.write_children([a, b, a])  # all of them, whatever was noted before
    with (run.path / "children.jsonl").open("ab") as file:
        file.write(b'{"id": "ccc')
    assert run.children() == [a, b]


def test_what_was_written_to_be_downloaded_goes_with_the_run() -> None:
    run = Run.create(SPEC)
    place = home.folder("exports") / run.id / "card"
    place.mkdir(parents=True)
    (place / "card.md").write_text("card")
    other = home.folder("exports") / "abcdef012345"
    other.mkdir()
    run.delete()
    assert not place.parent.exists() and other.exists()


def test_walk_leaves_out_what_was_deleted() -> None:
    run, child = Run.create(CompareSpec()), Run.create(SPEC)
    run.write_children([Child(name, "scratch", "search", i, 1e-3) for i, name in enumerate((child.id, "b" * 12))])
    assert list(walk(run)) == [run, child]


@pytest.mark.parametrize("body", [b"", b'{"accuracy": 0.', b"\xff"])
def test_a_torn_result_is_none(body: bytes) -> None:
    run = Run.create(SPEC)
    (run.path / "result.json").write_bytes(body)
    assert run.result() is None


def test_export_holds_the_study_and_its_runs_without_weights_even_while_it_runs() -> None:
    run, child = Run.create(CompareSpec()), Run.create(SPEC)
    gone = Child("b" * 12, "scratch", "measure", 1, 1e-3)  # deleted since
    run.write_children([*(Child(child.id, "scratch", role, 0, 1e-3) for role in ("search", "measure")), gone])
    write(child, [row(1)], b'{"torn')
    (child.path / "model.safetensors").write_bytes(b"x")
    (child.path / "checkpoint.safetensors").write_bytes(b"x")
    running(run)
    with zipfile.ZipFile(io.BytesIO(export_bytes(run))) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert sorted(names) == sorted(
            [
                f"{run.id}/spec.json",
                f"{run.id}/status.json",
                f"{run.id}/children.jsonl",
                f"{child.id}/spec.json",
                f"{child.id}/rows.jsonl",
            ]
        )
        assert json.loads(archive.read(f"{child.id}/spec.json")) == json.loads(SPEC.to_json())
        archive.extractall(home.home() / "copy")
    assert Run(home.home() / "copy" / child.id).rows()[0] == [row(1)]


def test_a_copied_folder_is_read_where_it_lies(tmp_path: Path) -> None:
    run = Run.create(DescribeSpec())
    moved = Run(run.path.rename(tmp_path / run.id))
    assert moved.spec == DescribeSpec()


@pytest.mark.parametrize("body", ['{"accuracy": 0.5}', '{"accuracy": "x"}', '{"verdict": {}}', '{"verdict": 3}', "[]"])
def test_a_result_that_lacks_figures_is_told_not_a_traceback(body: str) -> None:
    from click.testing import CliRunner

    from tltk.cli import main as cli

    run = Run.create(SPEC)
    run.write_status(state="done")
    (run.path / "result.json").write_text(body)
    done = CliRunner().invoke(cli.main, ["runs", "show", run.id])
    assert done.exit_code in (0, 1) and "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert CliRunner().invoke(cli.main, ["runs"]).exit_code == 0


def test_a_run_on_another_machine_lives_while_its_heart_beats() -> None:
    """The number of a process says nothing there; the age of its status does, by the disk's own clock."""
    run = Run.create(TransferSpec())
    run.write_status(state="running", pid=os.getpid(), host="another-machine")
    assert run.status.state == "running"
    long_ago = time.time() - 3600
    os.utime(run.path / "status.json", (long_ago, long_ago))
    assert run.status.state == "failed" and "ended" in run.status.message
    run.beat()
    assert run.status.state == "running"
    assert not list(run.path.glob(".beat*"))
