"""What stands at the address of a cluster, and what stands in it: another server, a token, a host that none can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.ray_stub import RayStub, ray_stub
from tltk import home
from tltk.errors import BadSpec, RunProblem, TltkError
from tltk.jobs import choice, executor, queue
from tltk.jobs.cluster import Cluster, Place, Unreachable, shown
from tltk.jobs.remote import Remote
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec

SECRET = "s3cr3t-t0ken"


@pytest.fixture
def stub() -> Iterator[RayStub]:
    with ray_stub() as found:
        yield found


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No supervisor is started."""
    monkeypatch.setattr("tltk.jobs.local.ensure_supervisor", lambda: None)


# -- another program at the port ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        (200, "text/html", b"<!DOCTYPE html><html>\nWelcome\n</html>", ""),
        (200, "application/json", b'{"ok": true}', ""),
        (200, "text/plain", b"", ""),
        (404, "text/html", b"<html>\n<h1>Not Found</h1>\n</html>", ""),
        (405, "text/plain", b"Method Not Allowed", ""),
        (302, "text/html", b"", "/login"),
        (400, "text/html", b"<html>\nBad Request\n</html>", ""),
        (501, "text/html", b"<html>\n<p>Unsupported method</p>\n</html>", ""),
    ],
    ids=["page", "json", "nothing", "404", "405", "login", "400", "501"],
)
def test_another_program_at_the_port_takes_no_run(stub: RayStub, said: tuple[int, str, bytes, str]) -> None:
    stub.says[""] = said
    run, cluster = Run.create(TransferSpec()), Cluster(stub.address)
    for ask in (lambda: cluster.submit(run), cluster.jobs):
        with pytest.raises(Unreachable) as found:
            ask()
        sentence = str(found.value)
        assert stub.address.replace("ray", "http", 1) in sentence and f"HTTP {said[0]}" in sentence
        assert "<" not in sentence
    assert {path for _, path, _ in stub.asked} <= {"/api/jobs/", "/api/cluster_status"}, "it is followed nowhere"


@pytest.mark.usefixtures("quiet")
def test_a_run_that_another_program_would_take_waits_and_says_why(
    stub: RayStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", stub.address)
    stub.page()
    run = executor().submit(TransferSpec())
    Remote().hand_over(queue.jobs()[0], run)
    assert [job.state for job in queue.jobs()] == ["queued"] and executor().state(run.id) == "waiting"
    assert "must be Ray's dashboard, which has port 8265" in run.status.message


def test_what_ray_itself_refuses_is_told_in_its_words(stub: RayStub) -> None:
    stub.says["POST"] = (400, "text/plain", b"Traceback:\nValueError: no such resource", "")
    with pytest.raises(RunProblem, match="It did not: ValueError: no such resource"):
        Cluster(stub.address).submit(Run.create(TransferSpec()))


# -- secrets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        f"ray://me:{SECRET}@host:8265",
        f"ray://{SECRET}@host",
        f"ray+https://me:a/{SECRET}@host",
        f"ray://me:a#{SECRET}@host",
        f"ray://me:{SECRET}@[::1",
        f"ray://host?token={SECRET}",
        f"ray://host#{SECRET}",
        f"rey://me:{SECRET}@host",
    ],
)
@pytest.mark.usefixtures("quiet")
def test_no_sentence_shows_what_may_be_a_token(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SECRET not in shown(address)
    monkeypatch.delenv("TLTK_EXECUTOR", raising=False)
    with pytest.raises(TltkError) as kept:
        choice.keep(address)
    monkeypatch.setenv("TLTK_EXECUTOR", address)
    with pytest.raises(TltkError) as named:
        executor()
    with pytest.raises(BadSpec, match="TLTK_EXECUTOR must be unset") as twice:
        choice.keep("ray://host")
    assert SECRET not in f"{kept.value} {named.value} {twice.value} {capsys.readouterr()}"
    assert not (home.home() / choice.FILE).exists()


def test_an_address_without_a_secret_is_shown_as_it_is() -> None:
    address = "ray://host:8265?gpus=0.5&memory_gb=4&python=/opt/bin/python"
    assert shown(address) == address


def test_an_address_that_was_kept_with_a_token_means_the_cluster_and_forgets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TLTK_EXECUTOR", raising=False)
    path = home.home() / choice.FILE
    path.write_bytes(msgspec.json.encode({"address": f"ray://me:{SECRET}@host:8265?gpus=0.5"}))
    assert choice.chosen() == "ray://host:8265?gpus=0.5"
    assert SECRET not in path.read_text() and choice.kept() == "ray://host:8265?gpus=0.5"


def test_the_token_goes_to_the_cluster_alone(stub: RayStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("RAY_AUTH_TOKEN", SECRET)
    Cluster(stub.address).jobs()
    with ray_stub() as other:
        stub.says[""] = (302, "text/html", b"", f"http://127.0.0.1:{other.port}/")
        with pytest.raises(Unreachable):
            Cluster(stub.address).jobs()
        assert other.asked == []
    assert {signed for _, _, signed in stub.asked} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize("token", ["töken", "two words", "a\nb"])
def test_a_token_that_can_be_none_is_a_sentence(token: str, stub: RayStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with pytest.raises(RunProblem, match="must be one word of ASCII") as found:
        Cluster(stub.address).jobs()
    assert token not in str(found.value) and stub.asked == []


# -- hosts that none can be --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        "a" * 64,
        ".",
        "ho st",
        "host\n",
        "a%41",
        "<host>",
        "[::1",
        "[::g]",
        "*",
        "host,other",
        "host:0",
        "host:65536",
    ],
)
def test_a_host_that_none_can_be_is_no_address(host: str) -> None:
    with pytest.raises(BadSpec, match="must be an address, such as ray://HOST:8265"):
        Place.read(f"ray://{host}")


@pytest.mark.parametrize(
    "host", ["head", "10.0.0.7", "gpu_1.lab.example", "tltk-head-svc", "[::1]", "rechner-münchen.de"]
)
def test_a_host_that_may_be_there_is_an_address(host: str) -> None:
    assert Place.read(f"ray://{host}").url == f"http://{host}:8265"


def test_a_name_that_nobody_has_does_not_answer() -> None:
    with pytest.raises(Unreachable, match="It does not"):
        Cluster("ray://no-such-host.invalid", answer_s=2).jobs()
