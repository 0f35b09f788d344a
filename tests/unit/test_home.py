"""Files are whole or the old ones; ids are never paths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tltk import home
from tltk.errors import BadSpec


@pytest.mark.parametrize("text", ["3f9ac1", "0" * 64, "3f9ac1d20b7e"])
def test_ids(text: str) -> None:
    assert home.check_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "3f9ac", "0" * 65, "..", "../../etc/passwd", "3f9ac1/..", "3f9ac1\n", "\n3f9ac1", "3F9AC1",
     "3f9ac1 ", "3f9ac1\x00", "/etc/passwd", "c:3f9ac1",
     "~root12", "３f9ac1", "3f9ac1.zip", "%2e%2e%2f", "g" * 12],
)  # fmt: skip
def test_no_id_is_a_path(text: str) -> None:
    with pytest.raises(BadSpec, match="An id must be hex digits"):
        home.check_id(text)


def test_the_sentence_does_not_repeat_a_novel() -> None:
    with pytest.raises(BadSpec) as caught:
        home.check_id("x" * 10_000)
    assert len(str(caught.value)) < 200


def test_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "a" / "b"))
    assert home.home() == tmp_path / "a" / "b"
    assert home.home().is_dir()
    monkeypatch.setenv("TLTK_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home.home() == tmp_path / ".tltk"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLTK_HOME", "here")
    assert home.home() == tmp_path / "here"


def test_rooms() -> None:
    assert [home.room(name).is_dir() for name in home.ROOMS] == [True] * len(home.ROOMS)
    with pytest.raises(BadSpec, match="A room must be one of"):
        home.room("../x")


def test_write_whole_writes_text_and_bytes(tmp_path: Path) -> None:
    home.write_whole(tmp_path / "a", "né")
    home.write_whole(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failure_before_the_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    home.write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        home.write_whole(path, "new" * 1000)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_process_killed_before_the_rename_leaves_the_old_file(tmp_path: Path, point: str) -> None:
    path = tmp_path / "a"
    home.write_whole(path, "old")
    probe = (
        f"import os, signal; from pathlib import Path; from tltk import home;"
        f"os.{point} = lambda *a: os.kill(os.getpid(), signal.SIGKILL);"
        f"home.write_whole(Path({str(path)!r}), 'new' * 100000)"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_threads_of_one_process_do_not_take_each_others_file(tmp_path: Path) -> None:
    """Two tabs of the dashboard are two threads: both may write one status at once."""
    path = tmp_path / "status.json"
    texts = [str(i) * 20_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: home.write_whole(path, texts[i % 8]), range(160)))
    assert path.read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]
