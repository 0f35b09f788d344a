"""A room: who is let in, under which name, and what nobody else gets to see."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tltk.cli import main as cli
from tltk.dashboard import room
from tltk.dashboard.door import Door
from tltk.dashboard.guard import Guard
from tltk.errors import BadSpec

SETTINGS = room.Settings("open-sesame", "teach-teach-teach", waiting=3, minutes=5.0)


async def _page(request: Any) -> Response:
    return PlainTextResponse("a secret")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("a secret")
    await socket.close()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> room.Room:
    opened = room.Room(SETTINGS)
    monkeypatch.setattr(room, "_room", opened)
    return opened


@pytest.fixture
def client() -> Iterator[TestClient]:
    routes = [Route("/{path:path}", _page), WebSocketRoute("/_stcore/stream", _socket)]
    app = Starlette(routes=routes, middleware=[Middleware(Guard), Middleware(Door)])
    with TestClient(app, "http://localhost:8501", follow_redirects=False) as client:
        yield client


def join(client: TestClient, code: str = "open-sesame", name: str = "Ada", **more: str) -> Any:
    return client.post("/tltk/join", data={"code": code, "name": name, "next": "/", **more})


# -- the door ------------------------------------------------------------------------------------------------------


def test_without_a_room_there_is_no_door(client: TestClient) -> None:
    assert client.get("/anything").text == "a secret"
    assert client.get("/tltk/join").text == "a secret"


PATHS = ("/", "/train?run=3f9ac1", "/tltk/live/3f9ac1", "/tltk/runs/3f9ac1/export.zip", "/static/x.js", "/_stcore/x")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cookie", ["", "nonsense", "%c3;;=x"])
def test_nothing_is_sent_to_whoever_is_not_in_the_room(
    client: TestClient, here: room.Room, path: str, cookie: str
) -> None:
    headers = {"Cookie": f"{room.COOKIE}={cookie}"} if cookie else {}
    for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401 and "a secret" not in answer.text
    with (
        pytest.raises(WebSocketDisconnect) as told,
        client.websocket_connect("ws://localhost:8501/_stcore/stream", headers=headers),
    ):
        pass
    assert told.value.code == 1008
    assert client.get("/_stcore/health").text == "a secret"  # which the test stands in for: it tells that it is up


def test_who_opens_a_link_is_asked_for_the_code_and_led_on(client: TestClient, here: room.Room) -> None:
    asked = client.get("/train?run=3f9ac1&x=a b", headers={"Accept": "text/html,*/*"})
    assert asked.status_code == 303
    form = client.get(asked.headers["location"])
    assert form.status_code == 200 and 'value="/train?run=3f9ac1&amp;x=a%20b"' in form.text
    assert form.headers["x-frame-options"] == "DENY" and form.headers["cache-control"] == "no-store"
    let_in = join(client, next="/train?run=3f9ac1&x=a%20b")
    assert let_in.status_code == 303 and let_in.headers["location"] == "/train?run=3f9ac1&x=a%20b"
    cookie = let_in.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "open-sesame" not in cookie
    assert client.get("/anything").text == "a secret"
    with client.websocket_connect("ws://localhost:8501/_stcore/stream") as socket:
        assert socket.receive_text() == "a secret"
    here.free("Ada")
    assert client.get("/anything").status_code == 401


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nX: y", "/é"]
)
def test_nobody_is_led_elsewhere(client: TestClient, here: room.Room, goal: str) -> None:
    assert join(client, next=goal).headers["location"] == "/"


def test_a_form_of_another_site_or_of_any_size_is_refused(client: TestClient, here: room.Room) -> None:
    data = {"code": "open-sesame", "name": "Ada"}
    assert client.post("/tltk/join", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 405
    assert client.post("/tltk/join", data={**data, "name": "a" * 9000}).status_code == 413
    assert client.put("/tltk/join", data=data).status_code == 405
    assert here.people() == []
    many = {**{f"field{i}": "x" for i in range(500)}, "code": "wrong", "name": "Ada"}
    assert client.post("/tltk/join", data=many).status_code == 403


def test_what_was_typed_is_text(client: TestClient, here: room.Room) -> None:
    answer = join(client, name='<img src=x onerror=alert(1)>"', next='"><script>')
    assert answer.status_code == 400 and "A name must have" in answer.text
    assert "<img" not in answer.text and "<script" not in answer.text


# -- who is in -----------------------------------------------------------------------------------------------------


def test_codes_and_roles(here: room.Room) -> None:
    assert here.person(here.join("OPEN sesame", "Ada", "1")) == room.Person("Ada")
    assert here.person(here.join("teach-teach-teach", "Grace", "1")) == room.Person("Grace", is_teacher=True)
    for wrong in ("", "open", "open-sesame1", "teach"):
        with pytest.raises(room.Refused, match="not the room's code"):
            here.join(wrong, "Bo", "1")
    assert [one.name for one in here.people()] == ["Ada", "Grace"]
    assert here.person(None) is here.person("") is here.person("x") is None


def test_wrong_codes_are_limited_and_then_the_right_one_is_refused_too(
    here: room.Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(room.TRIES):
        with pytest.raises(room.Refused) as told:
            here.join("guess!", "Bo", "1")
        assert told.value.status == 403
    with pytest.raises(room.Refused, match="Wait a minute") as told:
        here.join("open-sesame", "Bo", "1")
    assert told.value.status == 429
    here.join("open-sesame", "Ada", "2")  # another address
    now = time.monotonic() + room.TRY_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: now)
    here.join("open-sesame", "Bo", "1")


def test_guesses_from_many_addresses_are_limited_too(here: room.Room) -> None:
    for number in range(room.ALL_TRIES):
        with pytest.raises(room.Refused, match="not the room's code"):
            here.join("guess!", "Bo", str(number))
    with pytest.raises(room.Refused, match="Too many"):
        here.join("open-sesame", "Bo", "another")


@pytest.mark.parametrize("name", ["Ada", "Zoë-Marie O'Neill", "李雷", "a. b", "7"])
def test_names_that_people_have(name: str) -> None:
    assert room.check_name(f"  {name}\n") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-",
        "'",
        "a" * 25,
        "a*b*",
        "![x](y)",
        "<b>",
        ":red[x]",
        "a\u202eb",
        "a\x00",
        "\ud800",
        "a|b",
        "a\u200bb",
        "\u3164",
        "Ada\ufe0f",
    ],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(room.Refused, match="A name must have 1 to 24 characters"):
        room.check_name(name)


def test_a_name_is_one_persons_until_it_is_freed(here: room.Room) -> None:
    token = here.join("open-sesame", "Ada", "1")
    with pytest.raises(room.Refused, match="has this name"):
        here.join("open-sesame", "ADA", "2")
    here.free("Ada")
    assert here.person(token) is None
    assert here.person(here.join("open-sesame", "ada", "2")) == room.Person("ada")


def test_a_room_is_full_at_some_time(here: room.Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PEOPLE", 2)
    for name in ("a", "b"):
        here.join("open-sesame", name, "1")
    with pytest.raises(room.Refused, match="is full"):
        here.join("open-sesame", "c", "1")


def test_codes_that_are_made_differ_and_are_long() -> None:
    made = {room.new_code(2) for _ in range(50)}
    assert len(made) == 50 and all(room.check_code(code) == code and len(code) == 9 for code in made)
    for code in ("", "12345", "-----------", "x" * 65):
        with pytest.raises(BadSpec, match="6 to 64"):
            room.check_code(code)


# -- starting it ---------------------------------------------------------------------------------------------------


def started(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str], dict[str, str]]:
    """What `tltk app` prints, and how it would start the server."""
    given: dict[str, str] = {}
    command: list[str] = []

    def start(program: str, words: list[str], environment: dict[str, str]) -> None:
        command.extend(words)
        given.update(environment)

    monkeypatch.setattr("os.name", "posix")
    monkeypatch.setattr("os.execve", start)
    monkeypatch.setattr("subprocess.call", lambda *words, **options: 0)
    monkeypatch.setattr("os.chdir", lambda folder: None)
    for name in ("TLTK_ROOTS", "TLTK_HOSTS"):  # what is set meanwhile goes with the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return CliRunner().invoke(cli.main, ["app", *words]), command, given


def test_a_room_says_who_can_come_in_and_reads_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, command, given = started(["--room", "--code", "open-sesame", "--port", "8765"], monkeypatch)
    settings = msgspec.json.decode(given[room.SETTING], type=room.Settings)
    assert settings.code == "open-sesame" and settings.teacher in told.output and len(settings.teacher) == 14
    assert "--server.address=0.0.0.0" in command and "open-sesame" in told.output and ":8765" in told.output
    assert "whoever reaches its address and has its code can train on this machine" in told.output
    assert given["TLTK_ROOTS"] == "" and not any("open-sesame" in word for word in command)
    _, _, given = started(["--room", "--root", str(tmp_path)], monkeypatch)
    assert given["TLTK_ROOTS"] == str(tmp_path)
    _, command, given = started(["--room", "--address", "127.0.0.1"], monkeypatch)  # behind a server with HTTPS
    assert "--server.address=127.0.0.1" in command and given["TLTK_ROOTS"] == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--address", "0.0.0.0"], "must be a room where others can reach it"),
        (["--address", "10.0.0.5"], "must be a room where others can reach it"),
        (["--code", "open-sesame"], "--code must come with --room"),
        (["--quota", "3"], "--quota must come with --room"),
        (["--minutes", "0"], "--minutes must come with --room"),
        (["--room", "--code", "1234"], "6 to 64"),
    ],
)
def test_what_is_no_room_is_for_this_machine_alone(
    words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, command, _ = started(words, monkeypatch)
    assert told.exit_code == 2 and sentence in told.stderr and not command


def test_without_a_room_nothing_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _, command, given = started([], monkeypatch)
    assert "--server.address=127.0.0.1" in command and room.SETTING not in given


def test_the_codes_leave_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_room", None)
    monkeypatch.setenv(room.SETTING, msgspec.json.encode(SETTINGS).decode())
    found = room.now()
    assert found is not None and found.settings == SETTINGS
    assert room.SETTING not in os.environ and room.now() is found
