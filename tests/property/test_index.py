"""Whatever is done to folders and table, and in whichever order, the list says what the folders say."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tltk import home
from tltk.runs import index
from tltk.runs.index import RunEntry
from tltk.runs.run import Child, Run, all_runs
from tltk.specs.training import TransferSpec

SEEDS = st.integers(0, 3)
WORDS = st.sampled_from(["", "one", "two", "größer"])
FILES = st.sampled_from(["spec.json", "status.json", "result.json", "label.json", "children.jsonl"])


def _create(run: Run, word: str, file: str) -> None:
    Run.create(TransferSpec(seed=int(word == "one")))


def _status(run: Run, word: str, file: str) -> None:
    if run.path.exists():
        run.write_status(state="done" if word else "stopped", message=word, seconds=float(len(word)))


def _result(run: Run, word: str, file: str) -> None:
    if run.path.exists():
        home.write_atomic(run.path / "result.json", json.dumps({"accuracy": len(word) / 10}))


def _label(run: Run, word: str, file: str) -> None:
    if (run.path / "spec.json").exists():
        run.write_label(name=word, tags=[word] if word else [])


def _children(run: Run, word: str, file: str) -> None:
    if run.path.exists():
        run.write_children([Child(("abc" + str(len(word))) * 3, "scratch", "search", 0, 1e-3)])


def _in_place(run: Run, word: str, file: str) -> None:
    if (run.path / file).is_file():
        with (run.path / file).open("r+b") as held:
            text = held.read()
            held.seek(0)
            held.write(text.replace(b"0", b"1").replace(b"one", b"two"))


def _damage(run: Run, word: str, file: str) -> None:
    if (run.path / file).is_file():
        (run.path / file).write_bytes(word.encode())


def _remove(run: Run, word: str, file: str) -> None:
    if run.path.exists():
        home.remove(run.path / file)


def _clear(run: Run, word: str, file: str) -> None:
    if run.path.exists():
        run.clear()


def _delete(run: Run, word: str, file: str) -> None:
    home.remove(run.path)


def _copy(run: Run, word: str, file: str) -> None:
    if run.path.exists() and not (copy := run.path.with_name("f" * (6 + len(word)))).exists():
        shutil.copytree(run.path, copy)


def _lose_table(run: Run, word: str, file: str) -> None:
    home.remove(home.home() / "index.db")


def _damage_table(run: Run, word: str, file: str) -> None:
    (home.home() / "index.db").write_bytes(b"junk" * 100)


def _ask(run: Run, word: str, file: str) -> None:
    index.find(text=word)


DEEDS = st.sampled_from(
    [
        _create,
        _create,
        _status,
        _result,
        _label,
        _children,
        _in_place,
        _damage,
        _remove,
        _clear,
        _delete,
        _copy,
        _lose_table,
        _damage_table,
        _ask,
        _ask,
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(DEEDS, SEEDS, WORDS, FILES), min_size=3, max_size=30))
def test_the_list_says_what_the_folders_say(steps: list[tuple[object, int, str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("TLTK_HOME", str(Path(folder) / "home"))
        for number, (deed, seed, word, file) in enumerate(steps):
            run = Run.create(TransferSpec(seed=seed)) if number < 2 else Run.at(TransferSpec(seed=seed).run_id)
            deed(run, word, file)  # type: ignore[operator]
            if number % 3 == 0:
                _is_right()
        _is_right()


def _is_right() -> None:
    found = {entry.id: entry for entry in index.find()}
    runs = all_runs()
    assert [entry.id for entry in index.find()] == [run.id for run in runs]
    for run in runs:
        assert found[run.id] == RunEntry.of(run), run.id
    for word in ("one", "größer"):
        named = {run.id for run in runs if run.label.name == word}
        assert named <= {entry.id for entry in index.find(text=word)}
        assert named == {entry.id for entry in index.find(tags=[word])}
