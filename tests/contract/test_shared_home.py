"""A home in a real object store (moto's server of S3), with the processes that users have: two machines, one of them lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip(
    "s3fs", reason="homes at s3:// are read through s3fs, which is not installed (`pip install 'tltk[store]'`)"
)
moto = pytest.importorskip("moto.server", reason="moto, whose server speaks S3 here, is not installed")

from tltk.runs import mirror, sync  # noqa: E402
from tltk.runs.objects import Store  # noqa: E402
from tltk.runs.run import Run  # noqa: E402

pytestmark = pytest.mark.timeout(900)
BUCKET = "bucket"
SPEC = {
    "kind": "transfer",
    "target": {"name": "digits", "n": 300},
    "net": {"backbone": "test_resnet"},
    "optim": {"epochs": 100, "threads": 1},
}

Shell = Callable[..., str]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of S3 with an empty bucket."""
    found = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    yield "http://{}:{}".format(*found.get_host_and_port())
    found.stop()


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, server: str, request: pytest.FixtureRequest) -> str:
    """A home in that bucket."""
    url = f"s3://{BUCKET}/{len(request.node.name)}"
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "TLTK_HOME": url,
        "TLTK_SPARE": "0",
        "TLTK_SUPERVISOR_IDLE": "3",
    }.items():
        monkeypatch.setenv(name, value)
    Store(f"s3://{BUCKET}").fs.makedirs(BUCKET, exist_ok=True)
    return url


@pytest.fixture
def machine(tmp_path: Path, address: str) -> Iterator[Callable[[str], tuple[Path, Shell]]]:
    """A machine of a name: the folder of its copy, and its shell."""
    folders = list[Path]()

    def make(name: str) -> tuple[Path, Shell]:
        folder = tmp_path / name
        folders.append(folder)

        def shell(*words: str) -> str:
            environment = {**os.environ, "TLTK_MIRROR": str(folder)}
            done = subprocess.run(
                [sys.executable, "-m", "tltk.cli", *words], capture_output=True, text=True, env=environment, timeout=240
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return folder, shell

    yield make
    for folder in folders:
        kill_all(folder)


def kill_all(folder: Path) -> None:
    """The machine is lost, with all of tltk's processes on it."""
    for process in psutil.process_iter(["pid"]):
        try:
            if process.environ().get("TLTK_MIRROR") == str(folder) and process.pid != os.getpid():
                process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue


def until(what: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_run_is_seen_elsewhere_and_goes_on_there_when_its_machine_is_lost(
    machine: Callable[[str], tuple[Path, Shell]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a, on_a), (b, on_b) = machine("a"), machine("b")
    monkeypatch.setenv("TLTK_CHECKPOINT_SECONDS", "0")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    on_a("run", "--spec", str(tmp_path / "spec.json"), "--detach")
    (run_id,) = [path.name for path in (a / "runs").iterdir()]
    there, here = Run(a / "runs" / run_id), Run(b / "runs" / run_id)

    def has_come() -> bool:
        on_b("runs")
        state = mirror.state_at(b / mirror.SYNC / "states" / f"{run_id}.json")
        return "checkpoint.safetensors" in state.main.absent and len(here.curve("loss").y) >= 3

    until(has_come)
    assert here.status.state == "running"
    assert not (here.path / "checkpoint.safetensors").exists()
    kill_all(a)
    until(lambda: there.status.state == "failed")
    seen = here.curve("loss").y
    assert "done" in on_b("runs", "resume", run_id)
    curve = here.curve("loss").y
    assert curve[: len(seen)] == seen
    assert len(curve) == SPEC["optim"]["epochs"]  # type: ignore[index]
    assert "stopped" not in on_a("runs")
    until(lambda: there.result() == here.result() is not None)
    assert there.curve("loss").y == curve
    for late in (there.attempt(number) for number in there.attempts()):  # what it found before the news of it came here
        assert (found := late.curve("loss").y) == curve[: len(found)]

    monkeypatch.delenv("TLTK_MIRROR", raising=False)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "plain"))
    plain = tmp_path / "plain" / "runs" / run_id
    subprocess.run(
        [sys.executable, "-m", "tltk.cli", "run", "--spec", str(tmp_path / "spec.json")],
        check=True,
        capture_output=True,
    )
    assert Run(plain).curve("loss").y == curve  # as if nothing had happened


def test_a_worker_that_another_machine_starts_brings_its_run_and_sends_what_it_found(
    machine: Callable[[str], tuple[Path, Shell]], tmp_path: Path
) -> None:
    """As on a cluster: the folder that is named lies on the machine that asked."""
    (a, on_a), (b, _) = machine("a"), machine("b")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC | {"optim": {"epochs": 2, "threads": 1}}))
    on_a("run", "--spec", str(tmp_path / "spec.json"), "--detach")
    (run_id,) = [path.name for path in (a / "runs").iterdir()]
    on_a("runs", "stop", run_id)
    until(lambda: Run(a / "runs" / run_id).status.state in ("stopped", "done"))
    worker = [sys.executable, "-m", "tltk.run", str(a / "runs" / run_id)]
    subprocess.run(worker, env={**os.environ, "TLTK_MIRROR": str(b)}, check=True, timeout=240)
    kill_all(b)  # the node goes as soon as its worker has ended
    until(lambda: "done" not in on_a("runs") and Run(a / "runs" / run_id).status.state == "done")
    assert Run(a / "runs" / run_id).result() == Run(b / "runs" / run_id).result()


def test_a_store_that_cannot_be_reached_is_told_and_holds_up_nothing(
    machine: Callable[[str], tuple[Path, Shell]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, on_a = machine("a")
    monkeypatch.setenv("TLTK_MIRROR", str(a))
    good = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    assert "test accuracy" in on_a(
        "run", "--target", "digits", "--n", "200", "--epochs", "1", "--backbone", "test_resnet"
    )
    until(lambda: sync.report().unsent == 1)  # the next try may come a while after the run has ended
    assert "must answer. It does not" in sync.report().fault
    kill_all(a)
    monkeypatch.setenv("AWS_ENDPOINT_URL", good)
    on_a("runs")
    until(lambda: sync.report().unsent == 0 and not sync.report().fault)
    _, on_b = machine("b")
    assert "digits" in on_b("runs")
