"""The layer around the server: whose name a request bears, and what every answer forbids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from tltk.cli import main as cli
from tltk.dashboard.guard import Guard
from tltk.serving.hosts import HEADERS, is_loopback, is_ours

ROOT = Path(__file__).parents[2]


async def _page(request: Any) -> Response:
    return PlainTextResponse("here", headers={"Content-Security-Policy": "sandbox"})


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("here")
    await socket.close()


@pytest.fixture
def client() -> Iterator[TestClient]:
    routes = [Route("/", _page), WebSocketRoute("/stream", _socket)]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Guard)]), "http://localhost:8501") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_every_answer_forbids_frames_and_guesses(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policies = headers.get_list("content-security-policy")
    assert any("frame-ancestors 'none'" in policy for policy in policies)
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert ("sandbox" in policies) == (path == "/")  # a policy that was there stays


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "", "a b", "localhost@evil.example"],
)
def test_another_name_is_refused_with_what_to_do(client: TestClient, host: str) -> None:
    reply = client.get("/", headers={"Host": host})
    assert reply.status_code == 400
    assert "here" not in reply.text.split() and "TLTK_HOSTS" in reply.text and "Traceback" not in reply.text
    assert reply.headers["x-frame-options"] == "DENY"


def test_the_websocket_is_checked_too(client: TestClient) -> None:
    with client.websocket_connect("ws://localhost:8501/stream") as socket:
        assert socket.receive_text() == "here"
    with pytest.raises(WebSocketDenialResponse) as told, client.websocket_connect("ws://evil.example/stream"):
        pass
    assert told.value.status_code == 400 and "TLTK_HOSTS" in told.value.text


@pytest.mark.parametrize(
    ("host", "address", "named", "ours"),
    [
        ("localhost:8501", "127.0.0.1", "", True),
        ("[::1]:8501", "127.0.0.1", "", True),
        ("127.0.0.5", "127.0.0.1", "", True),
        ("LOCALHOST.", "127.0.0.1", "", True),
        ("10.0.0.5:8501", "127.0.0.1", "", False),
        ("10.0.0.5:8501", "0.0.0.0", "", True),
        ("10.0.0.5:8501", None, "", True),
        ("evil.example", "0.0.0.0", "", False),
        ("evil.example", None, "", False),
        ("10.0.0.5", "10.0.0.5", "", True),
        ("10.0.0.6", "10.0.0.5", "", False),
        ("localhost", "10.0.0.5", "", True),
        ("lab.example:8501", "127.0.0.1", "lab.example", True),
        ("lab.example", "0.0.0.0", "x, LAB.example", True),
        ("any.example", "0.0.0.0", "*", True),
        ("localhost:port", "127.0.0.1", "", False),
    ],
)
def test_whose_name_it_is(
    host: str, address: str | None, named: str, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLTK_HOSTS", named)
    assert is_ours(host, address) is ours


def test_where_only_this_machine_reaches_it() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8")))
    assert not any(map(is_loopback, (None, "", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example")))


def test_the_app_is_guarded_and_listens_to_this_machine_alone() -> None:
    text = (ROOT / "app.py").read_text(encoding="utf-8")
    assert "Middleware(Guard)" in text and "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
    assert is_loopback(st.get_option("server.address"))  # .streamlit/config.toml, for `streamlit run app.py`


def started(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Result, dict[str, str]]:
    """What `tltk app` prints, and the environment in which it would start the server."""
    given: dict[str, str] = {}
    monkeypatch.setattr("os.execve", lambda program, words, environment: given.update(environment))
    monkeypatch.setattr("subprocess.call", lambda *words, **options: 0)
    monkeypatch.setattr("os.chdir", lambda folder: None)
    for name in ("TLTK_ROOTS", "TLTK_HOSTS"):  # what is set meanwhile goes with the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return CliRunner().invoke(cli.main, ["app", *words]), given


def test_the_shell_names_folders_and_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.symlink_to(one)
    _, given = started(["--root", str(one), "--root", str(tmp_path), "--host", "lab.example"], monkeypatch)
    assert given["TLTK_ROOTS"] == os.pathsep.join([str(one), str(tmp_path)])
    assert is_ours("lab.example:8501", "127.0.0.1") and not is_ours("other.example", "127.0.0.1")
    _, given = started(["--root", str(two)], monkeypatch)
    assert given["TLTK_ROOTS"] == str(one), "a link leads where it leads when the server starts"
    _, given = started([], monkeypatch)
    assert given["TLTK_ROOTS"].split(os.pathsep)[0] == str(Path.home())


def test_a_folder_that_cannot_be_a_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = tmp_path / f"a{os.pathsep}b"
    both.mkdir()
    for path, why in ((both, "must have no"), (tmp_path / "none", "does not exist")):
        told, given = started(["--root", str(path)], monkeypatch)
        assert told.exit_code == 2 and why in told.stderr and not given
