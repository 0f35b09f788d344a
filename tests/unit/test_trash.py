"""Deleted runs: kept for a while, put back, and gone for good."""

from __future__ import annotations

import json

import pytest

from tests.support.shell import tltk
from tltk import home
from tltk.errors import RunProblem, UnknownName
from tltk.runs import index, trash
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec


def made(seed: int = 0) -> Run:
    run = Run.create(TransferSpec(seed=seed))
    (run.path / "rows.jsonl").write_bytes(b"")
    run.write_label(name="mine")
    return run


def test_a_deleted_run_is_put_back_as_it_was() -> None:
    run = made()
    run.delete()
    assert not run.path.exists() and index.find() == []
    [kept] = trash.entries()
    assert kept.id == run.id
    assert trash.put_back(run.id[:6]) == run.path
    assert run.label.name == "mine" and [entry.id for entry in index.find()] == [run.id]
    assert trash.entries() == []


def test_the_last_of_several_comes_back_and_never_over_one_that_is_there() -> None:
    run = made()
    run.delete()
    made().write_label(name="second")
    run.delete()
    made()
    with pytest.raises(RunProblem, match="there again"):
        trash.put_back(run.id)
    run.delete(for_good=True)
    trash.put_back(run.id)
    assert run.label.name == "second" and len(trash.entries()) == 1


def test_what_was_never_deleted_is_not_put_back() -> None:
    made(1).delete()
    for name in ("3f9ac1", "", "../runs"):
        with pytest.raises(UnknownName, match="A deleted run"):
            trash.put_back(name)


def test_old_ones_go_when_another_is_deleted() -> None:
    old, new = made(1), made(2)
    old.delete()
    [kept] = trash.entries()
    week = int(1000 * (kept.at - trash.DAYS * 86_400 - 1))
    kept.path.rename(kept.path.with_name(f"{old.id}.{week}"))
    (home.folder("trash") / "something else").mkdir()
    new.delete()
    assert [one.id for one in trash.entries()] == [new.id]
    assert trash.empty() == 1 and trash.entries() == []
    assert [path.name for path in home.folder("trash").iterdir()] == ["something else"]


def test_the_shell_deletes_and_restores() -> None:
    run = made()
    assert "No run has been deleted" in tltk("runs", "restore").output
    told = tltk("runs", "delete", "--yes", run.id)
    assert told.exit_code == 0 and f"tltk runs restore {run.id}" in told.output
    assert [one["id"] for one in json.loads(tltk("runs", "restore", "--json").output)] == [run.id]
    assert json.loads(tltk("runs", "restore", run.id, "--json").output) == {"id": run.id, "restored": True}
    assert run.path.exists()
    assert tltk("runs", "delete", "--yes", "--for-good", run.id).exit_code == 0
    assert tltk("runs", "restore", run.id).exit_code == 2 and not run.path.exists()
