"""Files are whole or the old ones; ids are never paths."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from tltk import home
from tltk.cli import main as cli
from tltk.errors import BadSpec, TltkError
from tltk.jobs import executor
from tltk.specs.training import TransferSpec


@pytest.mark.parametrize("text", ["3f9ac1", "0" * 64, "3f9ac1d20b7e"])
def test_ids(text: str) -> None:
    assert home.check_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3f9ac",
        "0" * 65,
        "..",
        "../../etc/passwd",
        "3f9ac1/..",
        "3f9ac1\n",
        "\n3f9ac1",
        "3F9AC1",
        "3f9ac1 ",
        "3f9ac1\x00",
        "/etc/passwd",
        "c:3f9ac1",
        "~root12",
        "３f9ac1",
        "3f9ac1.zip",
        "%2e%2e%2f",
        "g" * 12,
    ],
)
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
    assert [home.folder(name).is_dir() for name in home.FOLDERS] == [True] * len(home.FOLDERS)
    with pytest.raises(BadSpec, match="A folder of the home must be one of"):
        home.folder("../x")


def test_write_whole_writes_text_and_bytes(tmp_path: Path) -> None:
    home.write_atomic(tmp_path / "a", "né")
    home.write_atomic(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failure_before_the_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    home.write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        home.write_atomic(path, "new" * 1000)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_process_killed_before_the_rename_leaves_the_old_file(tmp_path: Path, point: str) -> None:
    path = tmp_path / "a"
    home.write_atomic(path, "old")
    probe = (
        f"import os, signal; from pathlib import Path; from tltk import home;"
        f"os.{point} = lambda *a: os.kill(os.getpid(), signal.SIGKILL);"
        f"home.write_atomic(Path({str(path)!r}), 'new' * 100000)"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_threads_of_one_process_do_not_take_each_others_file(tmp_path: Path) -> None:
    """Two tabs of the dashboard are two threads: both may write one status at once."""
    path = tmp_path / "status.json"
    texts = [str(i) * 20_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: home.write_atomic(path, texts[i % 8]), range(160)))
    assert path.read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


# -- homes that cannot be used ---------------------------------------------------------------------------

VERBS = (
    ["runs"],
    ["runs", "--json"],
    ["runs", "show", "3f9ac1"],
    ["runs", "stop", "3f9ac1"],
    ["runs", "resume", "3f9ac1"],
    ["runs", "delete", "--yes", "3f9ac1"],
    ["runs", "log", "3f9ac1"],
    ["run", "--detach"],
    ["look", "digits"],
    ["layers", "test_resnet"],
    ["weights", "list"],
    ["app"],
    ["compare", "--source", "digits", "--detach"],
)


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("{tmp}/file", "There must be a folder at"),
        ("{tmp}/file/deeper", "must be folders"),
        ("/proc/nope/x", "/proc/nope"),
        ("~nosuchuser/x", "must name a user of this machine"),
        ("{tmp}/" + "z" * 300, "no longer than the disk allows"),
        ("{tmp}/loop", "loop"),
    ],
)
def test_every_verb_says_so_in_a_sentence(
    where: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv("TLTK_HOME", where.format(tmp=tmp_path))
    for words in VERBS:
        done = CliRunner().invoke(cli.main, words)
        assert isinstance(done.exception, SystemExit) and done.exit_code in (1, 2), (words, done.exc_info)
        assert sentence in done.stderr and "Traceback" not in done.output, (words, done.output)
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (errno.ENOSPC, "No space is left"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "Permission is denied"),
        (errno.EIO, "input/output error"),
        (errno.ENOMEM, "memory"),
    ],
)
def test_a_disk_that_refuses_is_a_sentence_in_the_shell_and_for_pages(
    number: int, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.folder("runs")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    done = CliRunner().invoke(cli.main, ["run", "--detach"])
    assert done.exit_code == 1 and part in done.stderr and "Traceback" not in done.output
    with pytest.raises(TltkError, match=part) as caught:  # pages show these as they are
        executor().submit(TransferSpec())
    assert caught.value.errno == number  # type: ignore[attr-defined]
    assert isinstance(caught.value, OSError)


def test_a_home_that_is_only_read_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    run = executor().submit(TransferSpec())
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    done = CliRunner().invoke(cli.main, ["runs"])
    assert done.exit_code == 0 and run.id in done.stdout


@pytest.mark.parametrize("text", ["many", "-3", "nan", "inf", "1e999"])
def test_a_setting_that_is_no_number_is_said_and_left_aside(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TLTK_SLOTS", text)
    assert home.setting("TLTK_SLOTS", 1) == 1
    assert "TLTK_SLOTS must be a number" in caplog.text
    monkeypatch.setenv("TLTK_SLOTS", "2")
    assert home.setting("TLTK_SLOTS", 1) == 2


def test_temporary_files_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f".status.json.{dead.pid}.1.tmp", f".status.json.{os.getpid()}.1.tmp", ".mine.tmp", "status.json"]
    for name in names:
        (tmp_path / name).write_text("x")
    home.remove_temporary_files(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names[1:])


def test_a_folder_in_the_place_of_a_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    home.write_atomic(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new" and (tmp_path / "a.damaged").is_dir()
