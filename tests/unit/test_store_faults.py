"""What a home in an object store can be at fault in: rights, buckets, keys in its URL, disks, clocks, whose copy it is."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("fsspec", reason="a home in an object store is read through fsspec, which is not installed")

from tests.support.shared import SPEC, Machine, Unreliable  # noqa: E402
from tltk import home  # noqa: E402
from tltk.cli import doctor  # noqa: E402
from tltk.errors import BadSpec  # noqa: E402
from tltk.runs import sending, sync  # noqa: E402
from tltk.runs.mirror import sha  # noqa: E402
from tltk.runs.objects import Store, fault_sentence  # noqa: E402

URL = "unreliable://bucket/home"
SECRET = "wJalrXUtnFEMI"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Unreliable.clean()
    monkeypatch.setattr(sending, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a", URL)


# -- what the store or the disk has against it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (PermissionError("Access Denied"), "must be permitted to list, read, write and remove below"),
        (PermissionError("The AWS Access Key Id: InvalidAccessKeyId"), "must know this machine by its keys"),
        (
            PermissionError("RequestTimeTooSkewed: the difference is too large"),
            "The clock of this machine must be right",
        ),
        (FileNotFoundError("The specified bucket does not exist"), "The bucket of .* must exist"),
        (OSError(errno.ENOSPC, "No space left on device", "/copy/rows.jsonl"), "must have room for /copy/rows.jsonl"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk must have room"),
    ],
)
@pytest.mark.parametrize("verb", ["pipe_file", "ls"])
def test_a_fault_is_told_as_a_sentence_and_passes(
    fault: OSError, sentence: str, verb: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise fault

    machine.begin()
    with machine.here(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Unreliable, verb, refuse)
        loop = sync.Sync(machine.copy)
        loop.step()
        told = sync.report().fault
        assert re.search(sentence, told) and "Error:" not in told
    with machine.here():
        loop.polled = 0.0
        loop.step()
        assert sync.report().fault == "" and sync.report().unsent == 0


def test_a_prefix_without_objects_is_no_fault_and_a_bucket_that_is_not_there_is_one() -> None:
    assert Store(URL).list("manifests") == {}
    missing = FileNotFoundError("NoSuchBucket")
    assert "make it, or correct TLTK_HOME" in fault_sentence(missing, "s3://bucket/x")
    assert fault_sentence(KeyError("odd"), "s3://bucket") == "KeyError: 'odd'"


def test_a_copy_that_cannot_be_written_says_so_where_the_process_that_carries_cannot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise BadSpec("The disk must have room.")

    monkeypatch.setenv("TLTK_SYNC", "0")
    with machine.here():
        monkeypatch.setattr(home, "check_writable", full)
        assert sync.wait_for_others(0.0).endswith("The disk must have room.")


# -- keys in the URL ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"s3://AKIAEXAMPLE:{SECRET}@bucket/x",
        f"s3://{SECRET}@bucket/x",
        f"s3://a:b/{SECRET}@bucket",
        f"sftp://me:{SECRET}@host/x",
    ],
)
def test_a_key_in_the_url_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", url)
    assert SECRET not in home.shown(url)
    with pytest.raises(BadSpec, match="must hold no key and no password") as found:
        home.home()
    assert SECRET not in str(found.value) and SECRET not in str(doctor._store() + [doctor._home()])


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "sftp://me@host/x", "abfs://data@account.example/x"])
def test_a_url_without_a_key_is_shown_as_it_is(url: str) -> None:
    assert home.shown(url) == url
    assert home.shown(f"{url}?sig={SECRET}") == f"{url}?sig=…"


# -- whose copy it is --------------------------------------------------------------------------------------------


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """The folder of a home's copy on a machine of a name; each is a process of its own."""

    def find(url: str, host: str = "a", mirror: str = "", networked: bool = False) -> Path:
        home._copy_of.cache_clear()
        monkeypatch.setenv("TLTK_HOME", url)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("TLTK_MIRROR", mirror)
        monkeypatch.setenv("TLTK_NETWORK_HOME", str(int(networked)))
        monkeypatch.setattr("platform.node", lambda: host)
        return home.home()

    return find


def test_one_folder_is_the_copy_of_one_home(at: Callable[..., Path], tmp_path: Path) -> None:
    mirror = str(tmp_path / "copy")
    assert at("s3://bucket/one", mirror=mirror) == at("s3://bucket/one/", mirror=mirror) == tmp_path / "copy"
    with pytest.raises(
        BadSpec, match="of its own for each home.* is the copy of s3://bucket/one, and TLTK_HOME is s3:"
    ):
        at("s3://bucket/two", mirror=mirror)
    assert at("s3://bucket/two") != at("s3://bucket/one")
    assert at("s3://bucket/one", mirror=mirror, host="renamed") == tmp_path / "copy", "on a disk of its own"


def test_on_a_disk_of_several_each_machine_has_a_copy_of_its_own(at: Callable[..., Path], tmp_path: Path) -> None:
    first, second = (at("s3://bucket/one", host=host, networked=True) for host in "ab")
    assert first != second and second.parent == first.parent
    assert first == at("s3://bucket/one", host="a", networked=True)
    mirror = str(tmp_path / "copy")
    at("s3://bucket/one", mirror=mirror, networked=True)
    with pytest.raises(BadSpec, match="of its own for each machine"):
        at("s3://bucket/one", host="b", mirror=mirror, networked=True)


# -- a clock that is set back ------------------------------------------------------------------------------------


def test_signs_of_life_are_sent_though_the_clock_was_set_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.begin(state="running", pid=os.getpid())
    machine.carry()
    run, now = machine.run(), time.time()
    told = machine.copy.whole(machine.copy.ranked(SPEC.run_id)[0])
    monkeypatch.setattr(time, "time", lambda: now - 7200)
    for n in range(1, 3):
        os.utime(run.path / "status.json", (now - 7200 + 30 * n, now - 7200 + 30 * n))
        machine.carry()
        newer = machine.copy.whole(machine.copy.ranked(SPEC.run_id)[0])
        assert newer.beat > told.beat
        told = newer
        monkeypatch.setattr(time, "time", lambda n=n: now - 7200 + 30 * n)


def test_checkpoints_are_sent_though_the_clock_was_set_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.begin(state="running", pid=os.getpid())
    for value in (b"1", b"2"):
        home.write_atomic(machine.run().path / "checkpoint.safetensors", value * 10)
        machine.run().write_status(epoch=int(value))
        machine.carry()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda now=now: now - 7200)
    told = machine.copy.whole(machine.copy.ranked(SPEC.run_id)[0])
    assert told.files["checkpoint.safetensors"].sha == sha(b"2" * 10)


def test_nobody_waits_longer_than_asked_for_though_the_clock_was_set_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6, 0, -3600))
    monkeypatch.setenv("TLTK_SYNC", "0")
    with machine.here():
        monkeypatch.setattr(time, "time", lambda: float(next(clock)))
        began = time.monotonic()
        assert "did not answer in time" in sync.wait_for_others(0.3)
        assert time.monotonic() - began < 5


def test_trouble_is_told_though_the_last_look_was_in_the_future(machine: Machine) -> None:
    with machine.here():
        told = sync.Report(time.time(), time.time() + 7200, 1, "the link is down")
        home.write_atomic(sync.folder() / "report.json", msgspec.json.encode(told))
        assert "the link is down" in sync.trouble()
