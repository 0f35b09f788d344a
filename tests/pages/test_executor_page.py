"""Where new runs go, chosen on the page Runs: it asks the cluster once, and what is queued then carries its address."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import is_clean, open_page, texts
from tltk import home
from tltk.dashboard import permitted, room
from tltk.jobs import choice, executor, queue
from tltk.jobs.ray import RayJobs
from tltk.specs.training import TransferSpec


class _Dashboard(http.server.BaseHTTPRequestHandler):
    """Answers as Ray's dashboard does where no job is known."""

    def do_GET(self) -> None:
        body = b"[]" if self.path == "/api/jobs/" else b"not here"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Dashboard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ray://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard that only this machine reaches, whose shell says nothing; no supervisor is started."""
    monkeypatch.delenv("TLTK_EXECUTOR")
    monkeypatch.setattr("tltk.jobs.local.ensure_supervisor", lambda: None)
    monkeypatch.setattr(permitted, "is_loopback", lambda address: True)


def send(app: Any, where: str, address: str = "") -> None:
    """Fill in the form and press its button."""
    next(one for one in app.radio if one.label == "New runs go to").set_value(where)
    next(one for one in app.text_input if one.label == "Address of the cluster").set_value(address)
    next(one for one in app.button if one.label == "Send new runs there").click().run()
    is_clean(app)


def headings(app: Any) -> str:
    return " ".join(one.label for one in app.expander)


def test_a_cluster_that_answers_gets_the_runs_that_are_queued_from_then_on(cluster: str) -> None:
    before = permitted.submit(TransferSpec(seed=0))
    app = open_page("runs")
    assert "Where new runs go: this machine" in headings(app)
    send(app, "cluster", f"{cluster}?gpus=0.25")
    assert f"new runs go: {cluster}?gpus=0.25" in headings(app).replace("\\", "").replace("\u2060", "")
    after = permitted.submit(TransferSpec(seed=1))
    assert isinstance(executor(), RayJobs)
    assert {job.run: job.place for job in queue.jobs()} == {before.id: "", after.id: f"{cluster}?gpus=0.25"}
    send(app, "here")
    last = permitted.submit(TransferSpec(seed=2))
    assert next(job.place for job in queue.jobs() if job.run == last.id) == "" and choice.kept() == ""


def test_an_address_where_no_cluster_answers_is_a_sentence_and_changes_nothing(cluster: str) -> None:
    choice.keep(cluster)
    app = open_page("runs")
    for address, sentence in (
        ("ray://127.0.0.1:9", "must answer at http://127.0.0.1:9. It does not (ConnectionError). Nothing was changed."),
        ("", "must be named by its address"),
        ("https://example.org", "must be an address, such as ray://HOST:8265"),
        ("ray://host?python=sh -c 'id'", "python must be one word"),
        ("tests.support.executors:Idle", "must be an address, such as ray://HOST:8265"),
    ):
        send(app, "cluster", address)
        assert sentence in texts(app)
        assert choice.kept() == cluster


def test_the_shell_wins_and_the_page_says_so(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choice.keep(cluster)
    monkeypatch.setenv("TLTK_EXECUTOR", "local")
    app = open_page("runs")
    assert "Where new runs go: this machine" in headings(app) and "TLTK_EXECUTOR" in texts(app)
    assert not [one for one in app.radio if one.label == "New runs go to"]
    assert executor().submit(TransferSpec()) and queue.jobs()[0].place == ""
    with pytest.raises(Exception, match="TLTK_EXECUTOR must be unset"):
        permitted.choose_executor("")


def test_a_link_and_a_file_that_names_a_module_choose_nothing(cluster: str) -> None:
    named = {name: cluster for name in ("executor", "address", "place", "TLTK_EXECUTOR", "runs:address:")}
    app = open_page("runs", **named, **{"runs:place:": "cluster"})
    is_clean(app)
    assert choice.kept() == "" and not (home.home() / choice.FILE).exists()
    (home.home() / choice.FILE).write_text('{"address": "tests.support.executors:Idle"}')
    assert choice.chosen() == ""


def test_where_others_reach_the_dashboard_only_the_teacher_of_a_room_chooses(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permitted, "is_loopback", lambda address: False)
    app = open_page("runs")
    send(app, "cluster", cluster)
    assert "Where others reach the dashboard" in texts(app) and choice.kept() == ""

    opened = room.Room(room.Settings("open-sesame", "teach-teach", waiting=3, minutes=5.0))
    monkeypatch.setattr(room, "_room", opened)
    monkeypatch.setattr(room, "me", lambda: room.Person("Ada"))
    app = open_page("runs")
    assert "The teacher of this room chooses where new runs go." in texts(app)
    assert not [one for one in app.radio if one.label == "New runs go to"]
    with pytest.raises(Exception, match="by the teacher alone"):
        permitted.choose_executor(cluster)
    monkeypatch.setattr(room, "me", lambda: room.Person("Grace", is_teacher=True))
    app = open_page("runs")
    send(app, "cluster", cluster)
    assert choice.kept() == cluster
