"""Many processes on one home: each is told what the folders say, and the table stays whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tltk import home
from tltk.runs import index
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

WORK = """
import sys
from tltk.runs import index
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

me = int(sys.argv[1])
for i in range(15):
    mine = Run.create(TransferSpec(seed=100 * me + i))
    mine.write_status(state="done", message=f"{me} {i}")
    found = {e.id: e for e in index.find()}
    assert found[mine.id].message == f"{me} {i}", "my own run is not as I left it"
    if i % 3 == 0:
        mine.write_label(name=f"named-{me}-{i}-so")
        assert [e.id for e in index.find(text=f"named-{me}-{i}-so")] == [mine.id], "not found by its name"
    if i % 5 == 4:
        mine.delete()
        assert mine.id not in {e.id for e in index.find()}, "deleted, and still listed"
    if i == 7 and me == 0:
        (mine.path.parent.parent / "index.db").write_bytes(b"junk" * 5000)
"""


def in_folders() -> dict[str, tuple[str, str]]:
    """Id → message and name of every run, read from the folders alone."""
    found = {}
    for path in home.folder("runs").iterdir():
        run = Run(path)
        found[run.id] = (run.status.message, run.label.name)
    return found


@pytest.mark.slow
def test_processes_that_write_list_delete_and_damage_at_once_are_each_told_the_truth() -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WORK, str(k)], env=os.environ.copy(), stderr=subprocess.PIPE, text=True)
        for k in range(4)
    ]
    said = [w.communicate(timeout=240)[1] for w in workers]
    assert [w.returncode for w in workers] == [0] * 4, said
    assert {e.id: (e.message, e.name) for e in index.find()} == in_folders()
    assert len(in_folders()) == 4 * 12
    with closing(sqlite3.connect(home.home() / "index.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_read_before_another_wrote_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading is held up until a second has told of more; what is late must not stand above what is new."""
    runs = [Run.create(TransferSpec(seed=s)) for s in range(3)]
    plain = index._read
    index.find()
    runs[0].write_status(state="running", message="at first")

    def held_up(run: Run) -> dict[str, object] | None:
        monkeypatch.setattr(index, "_read", plain)
        row = plain(run)
        runs[0].write_status(state="done", message="at last")
        runs[1].delete()
        Run.create(TransferSpec(seed=9)).write_status(state="failed", message="new")
        assert {entry.message for entry in index.find()} == {"at last", "", "new"}
        return row

    monkeypatch.setattr(index, "_read", held_up)
    assert {entry.message for entry in index.find()} >= {"at last"}
    with closing(sqlite3.connect(home.home() / "index.db")) as db:  # what is written there, before anybody looks again
        found = dict(db.execute(f"SELECT id, message FROM {index._TABLE}"))
    assert found[runs[0].id] == "at last"
    assert {entry.id: entry.message for entry in index.find()} == {k: v for k, (v, _) in in_folders().items()}


COLD = """
import json
from tltk.runs import index
print(json.dumps(sorted(e.id for e in index.find())))
"""


@pytest.mark.slow
def test_many_that_find_no_table_at_once_fill_it_together() -> None:
    ids = sorted(Run.create(TransferSpec(seed=s)).id for s in range(200))
    readers = [subprocess.Popen([sys.executable, "-c", COLD], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert [json.loads(r.communicate(timeout=240)[0]) for r in readers] == [ids] * 6
    assert not list(home.home().glob("*.damaged*"))


# What listing imports is imported first: that user may not be permitted to read this one's Python.
AS_A_STRANGER = """
import os, sys
from tltk.runs import index
os.environ["TLTK_HOME"] = sys.argv[2]
index.find()
os.environ["TLTK_HOME"] = sys.argv[1]
if hasattr(os, "setuid") and not os.getuid():
    os.setuid(65534)
print(sorted((e.id, e.message) for e in index.find()))
"""


def test_a_home_that_cannot_be_written_is_listed(tmp_path: Path) -> None:
    """In a process of a user who may not write; where this one may do anything, its rights are given up first."""
    runs = [Run.create(TransferSpec(seed=s)) for s in range(3)]
    index.find()
    runs[0].write_status(state="done", message="after the table")
    shutil.copytree(home.home(), tmp_path / "elsewhere")
    above = {p: p.stat().st_mode for p in home.home().parents if Path(tempfile.gettempdir()) in p.parents}
    for path in above:  # however deep the test's folder lies, that user must be able to reach it
        path.chmod(0o755)
    for path in (*home.home().rglob("*"), home.home()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_A_STRANGER, home.home(), tmp_path / "elsewhere"],
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        for path in (home.home(), *home.home().rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for path, mode in above.items():
            path.chmod(mode)
    assert done.stdout.strip() == str(sorted((r.id, r.status.message) for r in runs)), done.stderr


def test_what_another_process_writes_of_a_run_that_is_gone_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had read the folder before it was deleted, and writes its row after this one has looked."""
    kept, gone = (Run.create(TransferSpec(seed=seed)) for seed in range(2))
    index.find()
    with closing(sqlite3.connect(home.home() / "index.db", isolation_level=None)) as other:
        row = other.execute(f"SELECT * FROM {index._TABLE} WHERE id = ?", (gone.id,)).fetchone()
    gone.delete()
    assert {e.id for e in index.find()} == {kept.id}
    look = index._look_through

    def look_and_write(db: sqlite3.Connection) -> set[str]:
        present = look(db)
        with closing(sqlite3.connect(home.home() / "index.db", isolation_level=None)) as other:
            other.execute(f"INSERT INTO {index._TABLE} VALUES ({', '.join('?' * len(row))})", row)
        return present

    monkeypatch.setattr(index, "_look_through", look_and_write)
    assert {e.id for e in index.find()} == {kept.id}
