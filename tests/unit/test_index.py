"""The table of runs: it says what the folders say, whatever happened to either."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tltk import home
from tltk.jobs import listing, queue
from tltk.runs import index
from tltk.runs.index import RunEntry
from tltk.runs.process import identity
from tltk.runs.run import Child, Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec


def table() -> Path:
    return home.home() / "index.db"


@pytest.fixture(autouse=True)
def _a_disk_of_exact_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second tells two changes apart here, so no test waits for two."""
    monkeypatch.setattr(index, "SETTLE", 10**8)


def settle() -> None:
    """As if all folders had been left alone for a while: their times lie in the past, so the table may be relied on."""
    for run in home.folder("runs").iterdir():
        for path in (*run.iterdir(), run):
            os.utime(path, (time.time() - 60, time.time() - 60))
    time.sleep(0.15)
    index.find()


def done(seed: int = 0, accuracy: float = 0.5, **fields: object) -> Run:
    run = Run.create(TransferSpec(seed=seed, **fields))  # type: ignore[arg-type]
    home.write_atomic(run.path / "result.json", json.dumps({"accuracy": accuracy}))
    run.write_status(state="done", seconds=2.0, epoch=3, epochs=3, device="cpu")
    return run


def test_an_entry_says_what_was_asked_and_found() -> None:
    run = done(3, 0.75, target=DataSpec("digits", shots=5), net=NetSpec("resnet18", boundary=2))
    (run.path / "model.safetensors").write_bytes(b"1234")
    run.write_label(name="mine", tags=["a", "b"])
    (e,) = index.find(specs=True)
    assert (e.id, e.kind, e.trains, e.target, e.shots, e.backbone) == (run.id, "transfer", 1, "digits", 5, "resnet18")
    assert (e.weights, e.strategy, e.boundary, e.lr, e.seed) == ("scratch", "fine_tune", 2, 1e-3, 3)
    assert (e.state, e.epoch, e.epochs, e.seconds, e.device, e.accuracy) == ("done", 3, 3, 2.0, "cpu", 0.75)
    assert (e.model, e.name, e.tags, e.children, e.attempts, e.fault) == (4, "mine", "a b", "", 0, "")
    assert e.spec == run.spec and e.run == run
    assert isinstance(run.spec, TransferSpec)
    assert dataclasses.replace(run.spec, seed=8).group_id == e.setting
    assert RunEntry.of(run) == index.find()[0]


def test_of_a_study_its_verdict_and_its_children() -> None:
    study, child = Run.create(CompareSpec()), done()
    study.write_children([Child(child.id, "scratch", role, 0, 1e-3) for role in ("search", "measure")])
    home.write_atomic(
        study.path / "result.json", json.dumps({"verdict": {"label": "helps", "gap": 0.1, "transfer": 0.8}})
    )
    study.write_status(state="done")
    (e,) = index.find(kinds=["compare"])
    assert (e.verdict, e.gap, e.accuracy, e.children, e.lr, e.seed) == ("helps", 0.1, 0.8, child.id, None, 0)
    assert [found.id for found in index.find(within=False)] == [study.id]
    assert {found.id for found in index.find()} == {study.id, child.id}


@pytest.mark.parametrize("file", ["status.json", "result.json", "label.json", "spec.json"])
@pytest.mark.parametrize("how", ["whole", "in place", "gone", "damaged"])
def test_what_changes_in_a_folder_is_seen_at_once(file: str, how: str) -> None:
    run, other = done(), done(1)
    run.write_label(name="old")
    settle()
    path = run.path / file
    text = path.read_text()
    if how == "gone":
        path.unlink()
    elif how == "damaged":
        path.write_text(text[:-1])
    else:
        changed = text.replace("0.5", "0.6").replace("3", "4").replace("old", "new").replace("digits", "blends")
        assert changed != text
        path.write_text(changed) if how == "in place" else home.write_atomic(path, changed)
    found = {e.id: e for e in index.find()}
    (table()).unlink()
    assert found == {e.id: e for e in index.find()}  # as if it had never been read before
    assert other.id in found and (run.id in found) == ((file, how) != ("spec.json", "gone"))


def test_a_folder_that_is_left_alone_is_not_read_again() -> None:
    """What is in the table is what is told, so a value that only the table holds shows where the answer came from."""
    run, other = done(), done(1)
    settle()
    with closing(sqlite3.connect(table())) as db, db:
        (name,) = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        db.execute(f"UPDATE {name} SET message = 'from the table'")
    assert [e.message for e in index.find()] == ["from the table"] * 2
    run.write_status(seconds=9.0)
    assert {e.id: e.message for e in index.find()} == {run.id: "", other.id: "from the table"}


def test_a_run_that_waits_or_runs_is_looked_at_each_time() -> None:
    run = Run.create(TransferSpec())
    run.write_status(state="running", pid=os.getpid(), pid_born=identity(os.getpid()))
    settle()
    assert [e.state for e in index.find()] == ["running"]
    run.write_status(pid=2**22 + 1, pid_born="nobody")
    settle()
    (e,) = index.find()
    assert (e.state, e.message) == ("failed", run.status.message)
    assert index.find(states=["running"]) == [] and index.find(states=["failed"]) == [e]


def test_in_a_list_the_queue_has_the_last_word() -> None:
    waits, lost, ended = (Run.create(TransferSpec(seed=s)) for s in range(3))
    for run in (waits, lost):
        run.write_status(state="waiting")
    ended.write_status(state="stopped")
    queue.add(waits.id)
    assert {e.id: e.state for e in listing.runs()} == {waits.id: "waiting", lost.id: "stopped", ended.id: "stopped"}
    assert [e.id for e in listing.runs(states=["waiting"])] == [waits.id]
    assert {e.id for e in listing.runs(states=["stopped"])} == {lost.id, ended.id}
    assert len(listing.runs(states=["stopped"], limit=1)) == 1


def test_newest_first_and_only_folders_of_runs() -> None:
    old, new = done(1), done(2)
    os.utime(old.path / "spec.json", (1, 1))
    (home.folder("runs") / "aaaaaaaaaaaa").mkdir()
    (home.folder("runs") / "stray.txt").write_text("")
    (home.folder("runs") / "NOT-AN-ID").mkdir()
    assert [e.id for e in index.find()] == [new.id, old.id]
    assert [e.id for e in index.find(limit=1)] == [new.id]
    new.delete()
    assert [e.id for e in index.find()] == [old.id]


def test_a_spec_of_another_version_is_told_with_its_sentence() -> None:
    run = done()
    home.write_atomic(run.path / "spec.json", '{"kind": "transfer", "from": "the future"}')
    (e,) = index.find()
    assert (e.id, e.kind, e.trains, e.accuracy) == (run.id, "", 0, 0.5)
    assert "from" in e.fault and "of another version" in e.fault
    assert index.find(kinds=["transfer"]) == [] and index.find(trains=True) == []


def test_paths_with_half_characters_and_long_texts_do_no_harm() -> None:
    run = Run.create(TransferSpec(target=DataSpec("folder:/a/\udcff")))
    run.write_status(state="failed", message="x" * 10**6)
    (e,) = index.find(specs=True)
    assert e.spec == run.spec and len(e.message) < 3000
    assert index.find(target=run.spec.target.name) == index.find()  # type: ignore[attr-defined]


def _junk(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))


def _other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        (name,) = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        db.execute(f"DROP TABLE {name}")
        db.execute(f"CREATE TABLE {name} (id, nonsense)")


def _wrong_types(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        (name,) = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        db.execute(f"UPDATE {name} SET epoch = x'ff00', name = x'80'")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [_junk, _cut, _overwritten, _other, _wrong_types, _folder])
def test_a_table_that_is_damaged_is_set_aside_and_made_again(damage: object) -> None:
    runs = [done(seed) for seed in range(20)]
    runs[0].write_label(name="kept")
    settle()
    before = index.find()
    damage(table())  # type: ignore[operator]
    assert index.find() == before
    assert index.find(text="kept")[0].id == runs[0].id
    assert table().is_file() and table().with_name("index.db.damaged").exists()
    with closing(sqlite3.connect(table())) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_table_that_somebody_keeps_locked_is_set_aside() -> None:
    run = done()
    settle()
    with closing(sqlite3.connect(table(), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert [e.id for e in index.find()] == [run.id]
        assert table().with_name("index.db.damaged").exists()
        start = time.monotonic()
        assert [e.id for e in index.find()] == [run.id]
        assert time.monotonic() - start < index.WAIT
        db.execute("ROLLBACK")
    assert [e.id for e in index.find()] == [run.id]


def test_where_a_look_takes_long_what_an_answer_names_is_still_as_its_folder_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are looked at again when a tenth of the time has gone by."""
    monkeypatch.setattr(index, "LONG_LOOK", 0.0)
    monkeypatch.setattr(index, "MOST_CHECKED", 3)
    monkeypatch.setattr(index, "LOOKS_SHARE", 1e-9)  # never again by itself
    old = [Run.create(TransferSpec(DataSpec("digits"), seed=seed)) for seed in range(6)]
    for run in old[:4]:
        run.write_status(state="done")
    old[4].write_status(state="waiting")
    assert len(index.find()) == 6, "the first look is at all"
    old[0].write_label(name="Ada's", tags=["kept"])
    assert [entry.name for entry in index.find(begins=old[0].id, limit=1)] == ["Ada's"]
    old[4].write_status(state="done")  # it was active when it was last looked at
    assert {entry.id for entry in index.find(states=["done"])} == {run.id for run in old[:5]}
    old[1].delete()
    assert index.find(begins=old[1].id) == [] and len(index.find(limit=3)) == 3
    new = Run.create(TransferSpec(DataSpec("digits"), seed=99))
    new.write_status(state="waiting")
    assert new.id not in {entry.id for entry in index.find()}, "not yet: nothing points to it"
    queue.add(new.id)
    assert new.id in {entry.id for entry in listing.runs(states=["waiting"])}, "what is in the queue is seen at once"
    other = Run.create(TransferSpec(DataSpec("digits"), seed=100))
    monkeypatch.setattr(index, "LOOKS_SHARE", 1e9)
    assert other.id in {entry.id for entry in index.find()}, "the next look at all"


def test_within_one_look_the_folders_are_looked_at_once() -> None:
    first = done(1)
    with index.one_look():
        assert [e.id for e in index.find()] == [first.id]
        done(2)
        assert [e.id for e in index.find()] == [first.id]
        with index.one_look():
            assert [e.id for e in index.find()] == [first.id]
        table().write_bytes(b"junk")  # under a page that is being drawn
        assert len(index.find()) in (1, 2)
    assert len(index.find()) == 2


def test_accuracies_are_of_finished_trainings_on_this_target_whatever_its_seed() -> None:
    target = DataSpec("digits", shots=5)
    a, b = done(1, 0.6, target=target), done(2, 0.7, target=dataclasses.replace(target, seed=9))
    done(3, 0.8, target=DataSpec("digits", shots=6))
    Run.create(TransferSpec(target=target, seed=4))
    found = index.accuracies(target)
    assert sorted(value for *_, value in found) == [0.6, 0.7]
    assert {setting for _, _, setting, _ in found} == {a.spec.group_id, b.spec.group_id}
    assert {(backbone, weights) for backbone, weights, _, _ in found} == {("resnet10t", "scratch")}


def test_tags_of_all_runs() -> None:
    assert index.tags() == []
    done(1).write_label(tags=["b", "a"])
    done(2).write_label(tags=["c", "a"])
    assert index.tags() == ["a", "b", "c"]


def test_as_many_may_wait_as_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than SQLite takes values in one question, which is for builds to set; and no folder is read for each."""
    connect = sqlite3.connect

    def strict(*words: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*words, **options)
        db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        return db

    monkeypatch.setattr(sqlite3, "connect", strict)
    run = Run.create(TransferSpec(DataSpec("digits"), seed=1))
    run.write_status(state="done")
    other = Run.create(TransferSpec(DataSpec("digits"), seed=2))
    other.write_status(state="waiting")
    queue.add(other.id)
    with closing(sqlite3.connect(home.home() / "tltk.db")) as db, db:
        rows = [(f"{i:012x}",) for i in range(2000)]
        db.executemany("INSERT INTO jobs (run, state) VALUES (?, 'queued')", rows)
    index.find()
    looked: list[str] = []
    written = Run.written_status

    def look(one: Run) -> object:
        looked.append(one.id)
        return written(one)

    monkeypatch.setattr(Run, "written_status", look)
    assert [entry.id for entry in listing.runs(states=["done"])] == [run.id]
    assert [entry.id for entry in listing.runs(states=["waiting"])] == [other.id]
    assert not (home.home() / f"index.db{home.DAMAGED}").exists()
    assert set(looked) <= {run.id, other.id}, "only these were written lately"
