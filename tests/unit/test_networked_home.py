"""A home on a disk that several machines see: no table there needs what a network lacks, and no living run is given up."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.executors import Idle
from tltk import home
from tltk.errors import MachineProblem
from tltk.jobs import listing, queue
from tltk.jobs.supervisor import Supervisor
from tltk.runs import index, process
from tltk.runs.run import SILENT_SECONDS, Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec

SPEC = TransferSpec(target=DataSpec("digits"))
MOUNTS = r"""
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /home rw shared:1 - nfs4 server:/home rw,vers=4.2
31 30 8:2 / /home/me/scratch rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\040blank rw - fuse.sshfs host:/ rw
33 22 0:42 / /data rw - lustre x rw
34 33 0:43 / /data rw - tmpfs x rw
broken
"""
ADD = """
import sys
from tltk.jobs import queue
for n in range(25):
    queue.add(f"{sys.argv[1]}{n:06x}")
"""


@pytest.fixture
def networked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TLTK_NETWORK_HOME", "1")
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    return home.home()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "nfs4"),
        ("/home/me/scratch/x", "xfs"),
        ("/homes", "ext4"),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/data/x", "tmpfs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert home.file_system(Path(path), MOUNTS) == kind


def test_a_folder_of_this_machine_is_none_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TLTK_NETWORK_HOME", raising=False)
    monkeypatch.setattr(home, "file_system", lambda path, mounts: "nfs4")
    assert home.is_networked(tmp_path) == (sys.platform == "linux")
    monkeypatch.setattr(home, "file_system", lambda path, mounts: "ext4")
    assert not home.is_networked(tmp_path)


def test_no_table_needs_memory_that_machines_share(networked: Path, tmp_path: Path) -> None:
    run = Idle().submit(SPEC)
    assert [entry.id for entry in listing.runs()] == [run.id]
    assert [job.run for job in queue.jobs()] == [run.id]
    assert not list(networked.glob("*-wal"))
    assert not list(networked.glob("*-shm"))
    assert not (networked / "index.db").exists()  # a list is each machine's own
    assert len(list((tmp_path / "cache").glob("*/index.db"))) == 1


def test_a_queue_that_was_made_on_one_machine_s_disk_is_read_on(
    networked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLTK_NETWORK_HOME", "0")
    queue.add("ab" * 6)
    monkeypatch.setenv("TLTK_NETWORK_HOME", "1")
    assert [job.run for job in queue.jobs()] == ["ab" * 6]
    assert not list(networked.glob("*-wal"))


def test_two_who_queue_at_once_lose_nothing(networked: Path) -> None:
    queue.jobs()
    both = [subprocess.Popen([sys.executable, "-c", ADD, letter]) for letter in "ab"]
    assert [one.wait(120) for one in both] == [0, 0]
    assert len(queue.jobs()) == 50


@pytest.mark.parametrize(("silent", "is_given_up"), [(0.0, False), (SILENT_SECONDS + 5, True)])
def test_a_run_on_another_machine_is_given_up_when_it_falls_silent(
    networked: Path, monkeypatch: pytest.MonkeyPatch, silent: float, is_given_up: bool
) -> None:
    """The locks of that machine are not seen here, as on a disk that is mounted without them."""
    run = Run.create(SPEC)
    run.write_status(state="running", pid=4_000_000, pid_born="another boot:1", host="another machine")
    queue.add(run.id)
    queue.mark_started(run.id, [0], 4_000_000, "another boot:1")
    then = time.time() - silent
    os.utime(run.path / "status.json", (then, then))
    supervisor = Supervisor()
    supervisor.keeps_spare = False
    supervisor.tick()
    assert (queue.find(run.id) is None) == is_given_up
    assert (run.status.state == "failed") == is_given_up


def test_what_waits_in_another_machine_s_queue_waits(networked: Path) -> None:
    run = Run.create(SPEC)
    run.write_status(state="waiting", host="another machine")
    assert Idle().state(run.id) == "waiting"
    assert [entry.state for entry in listing.runs()] == ["waiting"]
    Idle().cancel(run.id)
    assert run.stop_file.exists()
    run.write_status(state="waiting", host=platform.node())
    assert Idle().state(run.id) == "stopped"  # its queue was lost
    assert [entry.state for entry in listing.runs()] == ["stopped"]


def test_a_disk_that_cannot_lock(networked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is held by whose process lives; what needs a lock says so."""

    def refuse(file: int, shared: bool) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(process, "_lock", refuse)
    run = Run.create(SPEC)
    run.claim()
    assert run.status.state == "running"
    assert not process.is_held(run.path / "lock")
    monkeypatch.setattr("filelock._unix.fcntl.flock", lambda *_: refuse(0, False))
    with pytest.raises(MachineProblem, match="lock files"), home.hold_lock("claim.lock", timeout=1):
        pass


def test_the_list_is_made_anew_where_the_folder_of_the_machine_cannot_be(
    networked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "file"))
    run = Run.create(SPEC)
    assert [entry.id for entry in index.find()] == [run.id]
