"""A training behind an HTTP address: its answers are those of `tltk predict`; whatever strangers send is told in JSON."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import tltk as api
from tests.support.finished import CLASSES, finished
from tests.support.shell import agree, here, refused, tltk  # noqa: F401 – fixtures
from tltk.analyses.predict.files import Predictions
from tltk.errors import BadSpec
from tltk.serving import app as module
from tltk.serving import receive
from tltk.serving.app import create_app
from tltk.serving.predictor import Predictor
from tltk.training.callbacks import Stopped

pytestmark = pytest.mark.usefixtures("here")
HOST = "http://127.0.0.1:8600"


@pytest.fixture
def predictor() -> Iterator[Predictor]:
    found = Predictor(finished()[0].id)
    yield found
    found.close()


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(predictor), HOST, raise_server_exceptions=False) as client:
        yield client


def picture(seed: int = 0, side: int = 80, kind: str = "png") -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side + 7 * seed, side), Image.Resampling.BICUBIC).save(buffer, kind)
    return buffer.getvalue()


def form(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("picture", (name, data, "image/png")) for name, data in files]


def fault(reply: Any, status: int) -> str:
    """The sentence of a refusal: JSON, nothing of the inside, and no way to frame it."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json" and reply.headers["x-frame-options"] == "DENY"
    assert set(reply.json()) == {"error"} and "Traceback" not in reply.text and str(api.__file__) not in reply.text
    return str(reply.json()["error"])


# -- what it answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_it_answers_as_predict_does_bit_for_bit(name: str, tmp_path: Path) -> None:
    run, _ = finished(name)
    files = [(f"{i:03}.{kind}", picture(i, 70, kind)) for i in range(70) for kind in ("png", "jpeg")[i % 2 :][:1]]
    files.insert(3, ("broken.jpg", b"\xff\xd8\xff\xe0 no picture"))
    for file, data in files:
        (tmp_path / file).write_bytes(data)
    asked = api.predict(run, [tmp_path / file for file, _ in files], embedding=True)
    predictor = Predictor(run.id)
    with TestClient(create_app(predictor), HOST) as client:
        body = client.post("/predict?embedding=1", files=form(*files)).json()
    wanted = [{**row, "picture": Path(row["picture"]).name} for row in asked.rows()]
    assert body["predictions"] == wanted and body["run"] == run.id
    assert len({json.dumps(row.get("probabilities")) for row in wanted}) > 60, "the pictures differ"
    assert wanted[-1]["picture"] == "broken.jpg" and wanted[-1]["not_read"]


def test_one_picture_as_the_body_is_one_of_a_form(client: TestClient) -> None:
    data = picture(2)
    [whole] = client.post("/predict", files=form(("a b.png", data))).json()["predictions"]
    for kind in ("image/png", "application/octet-stream", "IMAGE/X-anything; q=1"):
        reply = client.post("/predict?name=a%20b.png", content=data, headers={"Content-Type": kind})
        assert reply.json()["predictions"] == [whole]
    assert client.post("/predict", content=data).json()["predictions"][0]["picture"] == "picture"
    assert set(whole) == {"picture", "class", "probability", "probabilities"} and whole["class"] in CLASSES
    assert sum(whole["probabilities"].values()) == pytest.approx(1)


def test_names_are_told_as_text_and_fields_of_text_mean_nothing(client: TestClient) -> None:
    body = client.post(
        "/predict",
        files=form(("../../etc/pass\u202ewd\x07.png", picture()), ("x" * 500, picture(1))),
        data={"comment": "hello"},
    ).json()
    names = [row["picture"] for row in body["predictions"]]
    assert len(names) == 2 and "\u202e" not in names[0] and "\x07" not in names[0] and len(names[1]) == 200


def test_it_explains_itself_without_a_network(client: TestClient) -> None:
    text = client.get("/").text
    assert 'action="/predict"' in text and "ein &quot;Hündchen&quot;" in text and f"{HOST}/predict" in text
    assert not [word for word in ("src=", "@import", "https://", "url(") if word in text]
    found = client.get("/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    answer = client.post("/predict?embedding=1", files=form(("a.png", picture()), ("b.png", b""))).json()
    agree("tltk serve", answer)
    schemas = found["components"]["schemas"]
    assert set(answer) == set(schemas["Answer"]["required"])
    kinds = (schemas["Picture"], schemas["Unread"])
    for row, kind in zip(answer["predictions"], kinds, strict=True):
        assert set(kind["required"]) <= set(row) <= set(kind["properties"])
    assert schemas["Picture"]["properties"]["class"]["enum"] == CLASSES
    told = client.get("/health").json()
    assert (told["status"], told["pictures"], told["classes"], told["waiting"]) == ("ok", 1, CLASSES, 0)


# -- what it refuses ---------------------------------------------------------------------------------------------


def test_what_is_not_there_is_told(client: TestClient) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/health", 405),
        ("POST", "/", 405),
    ):
        assert "POST /predict" in fault(client.request(method, path), status)


def test_a_request_without_a_picture_is_told(client: TestClient) -> None:
    assert "must hold a picture" in fault(client.post("/predict"), 422)
    assert "must hold a picture" in fault(client.post("/predict", content=b""), 422)
    empty = b'--x\r\nContent-Disposition: form-data; name="picture"; filename=""\r\n\r\n\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "must hold a picture" in fault(client.post("/predict", content=empty, headers=kind), 422)
    for name, data in (("a.png", b"no picture"), ("a.png", b""), ("a.zip", b"PK\x03\x04"), ("a.gif", b"GIF89a")):
        assert f"None is: {name}: " in fault(client.post("/predict", files=form((name, data))), 422)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/html", "multipart/x"])
def test_another_type_is_told(client: TestClient, kind: str) -> None:
    reply = client.post("/predict", content=picture(), headers={"Content-Type": kind})
    assert kind in fault(reply, 415)


def test_a_form_that_is_not_whole_is_told(client: TestClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n' + picture() + b"\r\n"
    whole = part * 2 + b"--x--\r\n"
    for body, boundary in (
        (whole, ""),
        (whole, "; boundary="),
        (whole, "; boundary=" + "y" * 300),
        (whole[1:], "; boundary=x"),
        (b"garbage", "; boundary=x"),
        (b"", "; boundary=x"),
        (whole[:90], "; boundary=x"),
        (part * 2, "; boundary=x"),  # the second may be cut: nothing is answered rather than one of two
    ):
        reply = client.post("/predict", content=body, headers={"Content-Type": f"multipart/form-data{boundary}"})
        assert "must be whole" in fault(reply, 400)
    reply = client.post("/predict", content=whole, headers={"Content-Type": 'Multipart/Form-Data; boundary="x"'})
    assert len(reply.json()["predictions"]) == 2


def test_too_much_is_told_whatever_the_header_says(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_BYTES", 2 << 20)

    def stream() -> Iterator[bytes]:
        for _ in range(4):
            yield bytes(1 << 20)

    for more in ({"content": bytes(3 << 20)}, {"content": stream()}, {"files": form(("a.png", bytes(3 << 20)))}):
        assert "at most 2 MB" in fault(client.post("/predict", **more), 413)
    for length in ("9" * 30, "3000000"):
        reply = client.post("/predict", content=b"x", headers={"Content-Length": length})
        assert "at most 2 MB" in fault(reply, 413)


def test_ten_thousand_small_pictures_are_too_many(client: TestClient) -> None:
    data = picture(0, 8)
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for n, status in ((10_000, 413), (receive.MAX_PICTURES + 1, 413)):
        body = (head + data + b"\r\n") * n + b"--x--\r\n"
        assert "at most 1,000 pictures" in fault(client.post("/predict", content=body, headers=kind), status)
    body = (head + data + b"\r\n") * receive.MAX_PICTURES + b"--x--\r\n"
    assert len(client.post("/predict", content=body, headers=kind).json()["predictions"]) == receive.MAX_PICTURES


def bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that claims so many pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    )


def test_a_picture_of_too_many_pixels_is_named_and_the_others_are_answered(client: TestClient) -> None:
    rows = client.post("/predict", files=form(("bomb.png", bomb(60_000)), ("a.png", picture()))).json()["predictions"]
    assert [row["picture"] for row in rows] == ["a.png", "bomb.png"]
    assert "than the limit" in rows[1]["not_read"]


def test_garbage_is_answered_or_told(client: TestClient) -> None:
    rng, whole = random.Random(0), picture(1, 40, "jpeg")
    kinds = ["image/jpeg", "multipart/form-data; boundary=x", "multipart/form-data; boundary=x; charset=utf-16", "\xff"]
    framed = b'--x\r\nContent-Disposition: form-data; name="p"; filename="a.jpg"\r\n\r\n' + whole + b"\r\n--x--\r\n"
    seen = set()
    for _ in range(150):
        body = bytearray(rng.choice((whole, framed, rng.randbytes(200), b"")))
        for _ in range(rng.randrange(8) if body else 0):
            at = rng.randrange(len(body))
            body[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        head = {b"Content-Type": rng.choice(kinds).encode("latin-1")}
        reply = client.post("/predict", content=bytes(body), headers=head)
        seen.add(reply.status_code)
        assert reply.status_code in (200, 400, 415, 422), reply.text
        if reply.status_code != 200:
            fault(reply, reply.status_code)
    assert {200, 415, 422} <= seen


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.5:8600"])
def test_another_name_is_refused_in_json(client: TestClient, host: str) -> None:
    for path in ("/", "/health", "/predict"):
        assert "TLTK_HOSTS" in fault(client.get(path, headers={"Host": host}), 400)


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://localhost.evil.example", "file://"])
def test_a_page_of_another_site_cannot_put_it_to_work(client: TestClient, origin: str) -> None:
    reply = client.post("/predict", files=form(("a.png", picture())), headers={"Origin": origin})
    assert "own page alone" in fault(reply, 403)
    reply = client.post("/predict", files=form(("a.png", picture())), headers={"Origin": HOST})
    assert reply.status_code == 200


def test_where_others_are_let_in_their_names_are_known(predictor: Predictor) -> None:
    with TestClient(create_app(predictor, "0.0.0.0"), "http://10.0.0.5:8600") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_faults_of_ours_and_of_the_machine_tell_nothing_of_the_inside(
    client: TestClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(raised: BaseException) -> None:
        async def ask(*_: Any) -> None:
            raise raised

        monkeypatch.setattr(predictor, "ask", ask)

    files = form(("a.png", picture()))
    for raised, status, words in (
        (ZeroDivisionError("secret"), 500, "Internal error"),
        (RuntimeError("secret"), 500, "Internal error"),
        (OSError(28, "No space", "/secret"), 507, "No space is left"),
        (MemoryError(), 503, "must have the memory"),
        (Stopped(), 503, "about to end"),
        (BadSpec("It must be so."), 400, "It must be so."),
    ):
        fail(raised)
        assert words in fault(client.post("/predict", files=files), status)
    assert "ZeroDivisionError" in caplog.text
    assert client.get("/health").json()["waiting"] == 0


def test_pictures_that_take_too_long_let_others_come(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tltk.serving.predictor.MAX_ANSWER_SECONDS", 0.0)
    assert "send fewer at a time" in fault(client.post("/predict", files=form(("a.png", picture()))), 413)


def test_a_server_that_ends_lets_go_of_what_it_does(client: TestClient, predictor: Predictor) -> None:
    predictor.should_stop = lambda: True
    assert "about to end" in fault(client.post("/predict", files=form(("a.png", picture()))), 503)


def test_more_than_a_few_that_wait_are_sent_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 0)
    reply = client.post("/predict", files=form(("a.png", picture())))
    assert "wait at a time" in fault(reply, 503) and reply.headers["retry-after"] == "1"


def test_requests_wait_for_each_other_and_each_gets_its_own(client: TestClient) -> None:
    alone = [client.post("/predict", files=form((f"{i}", picture(i)))).json()["predictions"] for i in range(8)]
    assert len({json.dumps(one[0]["probabilities"]) for one in alone}) == 8
    found: dict[int, Any] = {}

    def ask(i: int) -> None:
        found[i] = client.post("/predict", files=form((f"{i}", picture(i)))).json()["predictions"]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(8)] == alone


def test_nothing_stays_on_the_disk(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    client.post("/predict", files=form(("a.png", picture())))
    client.post("/predict", files=form(("a.png", b"x")))
    client.post("/predict", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert list(place.iterdir()) == []


# -- from the shell ----------------------------------------------------------------------------------------------


def test_what_cannot_be_served_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = finished()
    refused(["serve", "abcdef"], "A run must be one of")
    refused(["serve", finished(labels="none")[0].id], "must have learned from labels")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(["serve", run.id, "--port", str(taken.getsockname()[1])], "name another with --port")
    for address in ("nowhere.invalid", "", "a" * 80, "192.0.2.1"):
        refused(["serve", run.id, "--port", "0", "--address", address], "name another with --port or --address")
    monkeypatch.setattr("tltk.serving.predictor.CHANNELS", 4)
    refused(["serve", run.id, "--port", "0"], "serve a training on pictures in colour")
    assert "Answer over HTTP" in tltk("serve", "--help").stdout


def raw(port: int, data: bytes) -> bytes:
    """What a server answers to these very bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)
        found = b""
        while block := wire.recv(65_536):
            found += block
    return found


@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_a_real_server_answers_as_predict_does_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    run, _ = finished()
    (tmp_path / "a.png").write_bytes(picture(3))
    wanted: Predictions = api.predict(run, tmp_path / "a.png")
    words = [sys.executable, "-m", "tltk.cli", "serve", run.id[:8], "--port", "0"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TLTK_THREADS": "1"}
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith(f"Run {run.id} answers at http://127.0.0.1:"), line + process.stderr.read()
        url, port = line.split()[-1], int(line.rpartition(":")[2])
        ask = urllib.request.Request(f"{url}/predict", picture(3), {"Content-Type": "image/png"})
        with urllib.request.urlopen(ask, timeout=60) as reply:
            [row] = json.load(reply)["predictions"]
        assert row["probabilities"] == next(wanted.rows())["probabilities"]
        for data in (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET / HTTP/1.1\r\n\r\n",
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        ):
            head, _, body = raw(port, data).partition(b"\r\n\r\n")
            assert (
                head.startswith(b"HTTP/1.1 400") and b"application/json" in head and set(json.loads(body)) == {"error"}
            )
        long = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(long):  # a client that sends all before it reads hears why it is refused
            long.request("POST", "/predict", bytes(receive.MAX_BYTES + 1), {"Content-Type": "image/png"})
            assert long.getresponse().status == 413
        half = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 999\r\n\r\nabc"
        raw(port, half)  # who goes in the middle of a request breaks nothing
        with urllib.request.urlopen(f"{url}/health", timeout=60) as reply:
            assert json.load(reply)["waiting"] == 0
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0 and out == "Ended.\n" and time.monotonic() - start < 10
        assert "Traceback" not in err, err
    finally:
        process.kill()
        process.communicate()
