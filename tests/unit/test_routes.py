"""The routes beside Streamlit: rows by cursor, sentences for every wrong request, no way out of the home."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from tests.support.results import trained
from tltk import assets, home
from tltk.dashboard import modules
from tltk.dashboard import routes as module
from tltk.dashboard.guard import Guard
from tltk.dashboard.routes import MAX_POINTS, routes
from tltk.results.rows import Row
from tltk.runs.run import Child, Run
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights.handover import import_zip


@pytest.fixture
def client() -> TestClient:
    module._look.cache_clear()  # of another test's run of the same id
    module._news.cache_clear()
    return TestClient(Starlette(routes=routes))


def append(run: Run, *rows: Row, torn: bytes = b"") -> None:
    with (run.path / "rows.jsonl").open("ab") as file:
        file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows) + torn)


def point(step: int, value: float = 0.5, name: str = "accuracy", split: str = "val") -> Row:
    return Row(step // 10, step, step / 4, split, name, value)


def make_running(run: Run) -> None:
    born = psutil.Process().create_time()
    run.write_status(state="running", pid=os.getpid(), pid_born=born, epoch=1, epochs=5)


@pytest.fixture
def run() -> Run:
    run = Run.create(TransferSpec())
    make_running(run)
    return run


def ask(client: TestClient, run: Run, cursor: str = "", **params: str) -> Any:
    module._look.cache_clear()
    module._news.cache_clear()  # as if a quarter of a second had passed
    reply = client.get(f"/tltk/live/{run.id}", params={"cursor": cursor, **params})
    assert reply.status_code == 200, reply.text
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()


def test_increments_follow_the_cursor_and_a_torn_line_waits(client: TestClient, run: Run) -> None:
    append(run, point(10), point(20, name="loss"), point(30, split="train"), torn=b'{"epoch":1,"st')
    first = ask(client, run)
    assert (first["state"], first["epoch"], first["epochs"]) == ("running", 1, 5)
    (trace,) = first["traces"]
    assert (trace["x"], trace["y"], trace["group"], trace["name"]) == ([10.0], [0.5], "val", "val")
    assert ask(client, run, first["cursor"])["traces"] == []
    append(run, torn=b'ep":40,"seconds":1,"split":"val","name":"accuracy","value":0.7}\n')
    second = ask(client, run, first["cursor"])
    assert (second["traces"][0]["x"], second["traces"][0]["y"]) == ([40.0], [0.7])
    append(run, point(50, 0.9))
    assert ask(client, run, second["cursor"])["traces"][0]["x"] == [50.0]


def test_name_splits_and_axis_are_chosen(client: TestClient, run: Run) -> None:
    append(run, point(10, 1.5, "loss"), point(20, 2.5, "loss", "train"), point(20, 9.0, "loss", "test"))
    traces = ask(client, run, name="loss", split="train,val", x="seconds")["traces"]
    assert [(t["name"], t["x"], t["y"]) for t in traces] == [("train", [5.0], [2.5]), ("val", [2.5], [1.5])]


def test_what_takes_no_learning_comes_once_and_with_accuracies_alone(client: TestClient, run: Run) -> None:
    append(run, point(10), point(10, 0.1, "chance", "test"), point(10, 0.3, "majority", "test"))
    first = ask(client, run)
    assert first["idle"] == [[0.3, "always the most frequent class"]]
    assert ask(client, run, first["cursor"])["idle"] == [] == ask(client, run, name="loss")["idle"]


def test_the_first_page_is_found_by_its_name_too(client: TestClient) -> None:
    for asked, leads in (("/start", "./"), ("/start?run=abc&shots=5", "./?run=abc&shots=5")):
        reply = client.get(asked, follow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (307, leads)


def test_rows_of_single_layers_are_left_out(client: TestClient, run: Run) -> None:
    append(run, Row(1, 1, 1.0, "val", "accuracy", 0.1, layer=3))
    assert ask(client, run)["traces"] == []


@pytest.mark.parametrize("regrown", [0, 60])
def test_rows_cut_by_a_resume_begin_anew(client: TestClient, run: Run, regrown: int) -> None:
    append(run, *(point(10 * i) for i in range(1, 40)))
    cursor = ask(client, run)["cursor"]
    (run.path / "rows.jsonl").write_bytes(b"")
    append(run, point(10, 0.25), *(point(7 * i + 1) for i in range(regrown)))
    (trace,) = ask(client, run, cursor)["traces"]
    assert trace["reset"] is True
    assert trace["y"][0] == 0.25
    assert len(trace["x"]) == regrown + 1


def test_a_study_shows_its_children_once_with_role_and_arm(client: TestClient) -> None:
    study = Run.create(CompareSpec())
    make_running(study)
    runs = [Run.create(TransferSpec(seed=i)) for i in range(3)]
    study.write_children(
        [
            Child(runs[0].id, "transfer", "search", 0, 1e-3),
            Child(runs[1].id, "scratch", "search", 1, 3e-3),
            Child(runs[0].id, "transfer", "measure", 0, 1e-3),
            Child(runs[2].id, "source", "source", 2, 1e-3),
        ]
    )
    for child in runs:
        append(child, point(10))
    traces = {t["name"]: (t["group"], t["role"]) for t in ask(client, study)["traces"]}
    assert traces == {
        "transfer · seed 0": ("transfer", "measure"),
        "scratch · search lr 0.003": ("scratch", "search"),
        "source · source": ("source", "source"),
    }
    assert [t["role"] for t in ask(client, study, role="measure")["traces"]] == ["measure"]


def test_a_child_that_does_not_exist_yet_is_waited_for(client: TestClient) -> None:
    study = Run.create(CompareSpec())
    study.write_children([*study.children(), Child("abcdef012345", "transfer", "measure", 0, 1e-3)])
    reply = ask(client, study)
    assert (reply["state"], reply["traces"]) == ("waiting", [])


def test_many_points_are_thinned_and_the_ends_stay(client: TestClient, run: Run) -> None:
    append(run, *(point(i) for i in range(10_000)))
    (trace,) = ask(client, run)["traces"]
    assert len(trace["x"]) == len(trace["y"]) == MAX_POINTS
    assert (trace["x"][0], trace["x"][-1]) == (0.0, 9999.0)


def pack(body: Any) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


WHAT = "accuracy/val/step/measure/search/source"


@pytest.mark.parametrize(
    "cursor",
    [
        "!!!",
        "ü",
        "A",
        "A" * 40_000,
        pack(b"\xff\xfe"),
        pack([]),
        pack({"what": WHAT}),
        pack({"what": WHAT, "at": []}),
        pack({"what": WHAT, "at": {"../../etc": [1, 0]}}),
        pack({"what": WHAT, "at": {"abcdef": [-1, 0]}}),
        pack({"what": WHAT, "at": {"abcdef": [True, 0]}}),
        pack({"what": WHAT, "at": {"abcdef": [1.5, 0]}}),
        pack({"what": WHAT, "at": {}, "more": 1}),
        pack({"what": "loss/val/step/measure", "at": {}}),
        pack(b"[" * 5000),
    ],
)
def test_a_foreign_cursor_is_refused_in_a_sentence(client: TestClient, run: Run, cursor: str) -> None:
    reply = client.get(f"/tltk/live/{run.id}", params={"cursor": cursor})
    assert reply.status_code == 400
    assert "Begin again without one." in reply.json()["error"]


@pytest.mark.parametrize("params", [{"x": "pid"}, {"role": "boss"}])
def test_a_question_that_cannot_be_meant(client: TestClient, run: Run, params: dict[str, str]) -> None:
    reply = client.get(f"/tltk/live/{run.id}", params=params)
    assert reply.status_code == 400
    assert "must be" in reply.json()["error"]


@pytest.mark.parametrize("path", ["/tltk/live/{}", "/tltk/runs/{}/export.zip"])
@pytest.mark.parametrize(
    "run_id", ["f" * 12, "..%2f..%2f", "%2e%2e", "ABCDEF123456", "abc", "abcdef%00", "abcdef%0a", "a" * 300]
)
def test_an_unknown_or_crooked_id_is_404_json(client: TestClient, path: str, run_id: str) -> None:
    reply = client.get(path.format(run_id))
    assert reply.status_code == 404
    if reply.headers["content-type"] == "application/json":  # else the router knew no such path
        assert "Traceback" not in reply.text
        assert reply.json()["error"].endswith(".") or "Got" in reply.json()["error"]


def test_a_fault_of_ours_tells_nothing_of_the_inside(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_lines", lambda *_: 1 / 0)
    module._look.cache_clear()
    module._news.cache_clear()  # another test may have asked the same within a quarter of a second
    reply = client.get(f"/tltk/live/{run.id}")
    assert reply.status_code == 500
    assert reply.json() == {"error": "Internal error in tltk; the server's log has the details."}
    assert "ZeroDivisionError" in caplog.text


def test_export_is_the_zip_that_another_machine_takes_in(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run.create(TransferSpec())
    home.write_atomic(run.path / "result.json", msgspec.json.encode(trained()))
    (run.path / "checkpoint.safetensors").write_bytes(b"heavy")
    run.write_status(state="done")
    reply = client.get(f"/tltk/runs/{run.id}/export.zip")
    assert f'filename="tltk-{run.id}.zip"' in reply.headers["content-disposition"]
    assert list(tmp_path.glob("tltk-*")) == []
    (tmp_path / "run.zip").write_bytes(reply.content)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
    assert import_zip(tmp_path / "run.zip").imported == [run.id]


def test_a_run_that_is_not_done_is_not_exported(
    client: TestClient, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    reply = client.get(f"/tltk/runs/{run.id}/export.zip")
    assert reply.status_code == 400 and "must be done to be handed over" in reply.json()["error"]
    assert list(tmp_path.glob("tltk-*")) == []


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_plotly_comes_from_this_machine_and_is_kept(client: TestClient, encoding: str) -> None:
    reply = client.get("/tltk/plotly.js", headers={"Accept-Encoding": encoding})
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)
    assert b"plotly.js v" in reply.content[:200]


@pytest.mark.parametrize("name", sorted(modules.files()))
def test_a_module_comes_under_the_hash_of_all_and_is_kept(client: TestClient, name: str) -> None:
    reply = client.get(modules.url(name))
    assert reply.status_code == 200
    assert reply.content == (assets.folder() / name).read_bytes()
    kind = "application/json" if name.endswith(".json") else "text/javascript"
    assert reply.headers["content-type"].split(";")[0] == kind
    assert "immutable" in reply.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "0" * 16 + "/palette.json",
        "{}/components/none.js",
        "{}/components",
        "{}/",
        "{}/components/freeze_handle/style.css",
        "{}/components/../../pyproject.toml",
        "{}/..%2f..%2fpyproject.toml",
        "{}/%2fetc%2fpasswd",
        "{}/icon.png",
        "{}/weights/resnet10t_formulas/card.json",
    ],
)
def test_no_other_file_is_a_module(client: TestClient, path: str) -> None:
    reply = client.get("/tltk/modules/" + path.format(modules.version()))
    assert reply.status_code == 404
    if reply.headers["content-type"] == "application/json":  # else the router knew no such path
        assert "Reload the page." in reply.json()["error"]
        assert reply.headers["cache-control"] == "no-store"


def test_modules_of_a_page_come_to_its_own_host_alone() -> None:
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    with TestClient(app, "http://localhost:8501") as guarded:
        url = modules.url("components/plot/index.js")
        assert guarded.get(url, headers={"Host": "evil.example"}).status_code == 400
        reply = guarded.get(url)
        assert reply.status_code == 200 and reply.headers["x-content-type-options"] == "nosniff"


def test_a_changed_module_has_another_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = modules.url("components/plot/index.js")
    shutil.copytree(assets.folder() / "components", tmp_path / "components")
    shutil.copy(assets.folder() / "palette.json", tmp_path)
    with (tmp_path / "components" / "shared" / "dom.js").open("a") as file:
        file.write("\n")
    monkeypatch.setattr(assets, "folder", lambda: tmp_path)
    try:
        for cached in (modules.files, modules.version):
            cached.cache_clear()
        assert modules.url("components/plot/index.js") != before
    finally:
        monkeypatch.undo()
        for cached in (modules.files, modules.version):
            cached.cache_clear()
    assert modules.url("components/plot/index.js") == before


def test_a_run_whose_process_is_gone_counts_as_failed(client: TestClient, run: Run) -> None:
    run.write_status(pid=2**22 - 1)
    reply = ask(client, run)
    assert reply["state"] == "failed"
    assert "Resume it" in reply["message"]


def test_viewers_who_stand_at_the_same_place_share_one_look(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(run, point(10))
    monkeypatch.setattr(module, "LOOKS", 1e-9)  # one moment for the whole test
    module._news.cache_clear()
    answers = [client.get(f"/tltk/live/{run.id}").json() for _ in range(5)]
    assert all(answer == answers[0] for answer in answers)
    assert (module._news.cache_info().misses, module._news.cache_info().hits) == (1, 4)


def test_a_cursor_is_read_beside_the_event_loop(client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its cursor: one of a resume, or an old one, holds as much as none."""
    append(run, point(10))
    cursor = ask(client, run)["cursor"]
    names: list[str] = []
    rows = Run.rows

    def noted(self: Run, *words: int) -> Any:
        names.append(threading.current_thread().name)
        return rows(self, *words)

    monkeypatch.setattr(Run, "rows", noted)
    append(run, point(20))
    ask(client, run, cursor)
    ask(client, run)
    ask(client, run, pack({"what": WHAT, "at": {}}))
    assert len(names) == 3 and all(name.startswith("tltk-live") for name in names)


def test_a_long_history_comes_in_pieces_and_none_is_lost(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2000)
    append(run, *(point(i) for i in range(1, 101)))
    run.write_status(state="done")
    xs: list[float] = []
    reply = ask(client, run)
    answers = 1
    while reply["more"]:
        assert len(reply["traces"][0]["x"]) < 30
        xs += reply["traces"][0]["x"]
        reply = ask(client, run, reply["cursor"])
        answers += 1
    xs += reply["traces"][0]["x"]
    assert xs == [float(i) for i in range(1, 101)] and answers > 4
    assert ask(client, run, reply["cursor"])["traces"] == []


def test_the_runs_of_a_study_share_the_bytes_of_an_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 3000)
    study = Run.create(CompareSpec())
    make_running(study)
    children = [Run.create(TransferSpec(seed=seed)) for seed in range(5)]
    study.write_children([Child(c.id, "transfer", "measure", seed, 1e-3) for seed, c in enumerate(children)])
    for child in children:
        append(child, *(point(i) for i in range(1, 11)))
    found: dict[str, list[float]] = {}
    reply = {"more": True, "cursor": ""}
    while reply["more"]:
        reply = ask(client, study, str(reply["cursor"]))
        assert sum(len(t["x"]) for t in reply["traces"]) < 40
        for trace in reply["traces"]:
            found.setdefault(trace["name"], []).extend(trace["x"])
    assert len(found) == 5 and all(x == [float(i) for i in range(1, 11)] for x in found.values())


def test_a_line_without_an_end_is_passed_over(client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 500)
    append(run, torn=b"x" * 3000 + b"\n")
    append(run, point(70))
    reply = ask(client, run)
    for _ in range(10):
        if not reply["more"]:
            break
        reply = ask(client, run, reply["cursor"])
    assert reply["traces"][0]["x"] == [70.0]


@pytest.mark.parametrize("split", [",".join(["val"] * 20), "val,val,val"])
def test_a_part_is_read_once_however_often_it_is_named(client: TestClient, run: Run, split: str) -> None:
    append(run, point(10))
    assert len(ask(client, run, split=split)["traces"]) == 1


def test_many_parts_are_refused(client: TestClient, run: Run) -> None:
    reply = client.get(f"/tltk/live/{run.id}", params={"split": "a,b,c,d,e"})
    assert reply.status_code == 400 and "at most 4 parts" in reply.json()["error"]


def test_rows_that_are_gone_or_no_file_are_none(client: TestClient, run: Run) -> None:
    append(run, point(10))
    cursor = ask(client, run)["cursor"]
    (run.path / "rows.jsonl").unlink()
    ask(client, run, cursor)
    (run.path / "rows.jsonl").mkdir()
    assert not [t for t in ask(client, run, cursor)["traces"] if t["x"]]
    assert ask(client, run)["traces"] == []
