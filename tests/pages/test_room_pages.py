"""A room's pages: own runs, a quota, what others' runs are safe from, the board, and the teacher's page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import pooled
from tests.support.pages import ROOT, answered, is_clean, open_page, texts
from tests.support.pages import _no_workers as _no_workers
from tests.support.results import compared
from tltk import home
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.pool.result import PooledRunResult, PoolResult
from tltk.analyses.pool.spec import PoolSpec
from tltk.dashboard import permitted, room
from tltk.dashboard.plan import FIRST
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import executor, queue
from tltk.lessons import find
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec

WHO: list[room.Person | None] = []


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> room.Room:
    opened = room.Room(room.Settings("open-sesame", "teach-teach", waiting=3, minutes=5.0))
    for name in ("Ada", "Bo"):
        opened.join("open-sesame", name, "1")
    opened.join("teach-teach", "Grace", "1")
    monkeypatch.setattr(room, "_room", opened)
    monkeypatch.setattr(room, "me", lambda: WHO[-1])
    act("Ada")
    return opened


def act(name: str | None) -> None:
    WHO[:] = [None if name is None else room.Person(name, is_teacher=name == "Grace")]


def done(run: Run) -> Run:
    queue.remove(run.id)
    home.write_atomic(run.path / "result.json", json.dumps({"accuracy": 0.5}))
    run.write_status(state="done")
    return run


def labels(app: Any) -> list[str]:
    return [button.label for button in app.button]


def press(app: Any, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()
    is_clean(app)


# -- whose runs are whose ------------------------------------------------------------------------------------------


def test_the_quota_is_each_persons_own_and_a_run_has_a_time_limit() -> None:
    for seed in range(3):
        permitted.submit(TransferSpec(seed=seed))
    with pytest.raises(RunProblem, match="At most 3 questions of yours"):
        permitted.submit(TransferSpec(seed=3))
    act("Bo")
    run = permitted.submit(TransferSpec(seed=3))
    look = permitted.submit(InspectSpec(FIRST.target))
    jobs = {job.run: job for job in queue.jobs()}
    assert (jobs[run.id].owner, jobs[run.id].timeout, jobs[look.id].timeout) == ("Bo", 300.0, 0.0)
    assert [job.person for job in queue.jobs() if not job.light] == ["Ada", "Bo", "Ada", "Ada"]
    act(None)
    with pytest.raises(RunProblem, match="must be in the room"):
        permitted.submit(TransferSpec(seed=4))


def test_a_person_moves_their_own_runs_alone_and_the_teacher_everybodys_each_among_its_persons() -> None:
    ada = [permitted.submit(TransferSpec(seed=seed)).id for seed in range(3)]
    act("Bo")
    bo = [permitted.submit(TransferSpec(seed=seed)).id for seed in (10, 11)]

    def order() -> list[list[str]]:
        return [[job.run for job in queue.jobs() if job.person == name] for name in ("Ada", "Bo")]

    with pytest.raises(RunProblem, match="must be yours alone"):
        permitted.move(ada[2], ada[0])
    assert permitted.move(bo[1], bo[0]) and order() == [ada, bo[::-1]]
    assert not permitted.move(bo[0], ada[0]), "a place among another's runs means nothing"
    assert not permitted.move(bo[0], None), "it is the last already"
    app = open_page("runs")
    lists = [json.loads(e.proto.json)["rows"] for e in app.get("bidi_component") if "waiting" in e.proto.component_name]
    assert [[row["id"] for row in rows] for rows in lists] == [bo[::-1]]
    assert "2 of them are others'" in texts(app)
    act("Grace")
    app = open_page("runs")
    lists = [json.loads(e.proto.json)["rows"] for e in app.get("bidi_component") if "waiting" in e.proto.component_name]
    assert sorted([row["id"] for row in rows] for rows in lists) == sorted([bo[::-1], ada[1:]])
    assert permitted.move(ada[2], ada[0]) and order() == [[ada[2], ada[0], ada[1]], bo[::-1]]


def test_a_room_reads_no_folder_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TLTK_ROOTS")
    assert permitted.roots("127.0.0.1") == []
    with pytest.raises(BadSpec, match="here: none"):
        permitted.submit(InspectSpec(DataSpec(f"folder:{ROOT}")))


def test_the_name_is_in_no_run() -> None:
    run = permitted.submit(TransferSpec())
    assert run.id == TransferSpec().run_id
    assert not [file for file in run.path.iterdir() if b"Ada" in file.read_bytes()]


def test_others_runs_are_safe_and_the_teacher_may_do_all() -> None:
    run = permitted.submit(TransferSpec())
    act("Bo")
    for forbidden in (
        lambda: permitted.cancel(run.id),
        lambda: permitted.resume(run),
        lambda: permitted.delete(run.id),
        lambda: permitted.check_owner(run.id),
        lambda: permitted.check_owner(Run.create(TransferSpec(seed=9)).id),
    ):
        with pytest.raises(RunProblem, match="must be yours alone"):
            forbidden()
    assert queue.find(run.id) is not None and not queue.find(run.id).cancelled  # type: ignore[union-attr]
    permitted.submit(TransferSpec())  # Bo asks for the same: it is now of both
    act("Ada")
    with pytest.raises(RunProblem, match="Bo asked for it; ask the teacher"):
        permitted.cancel(run.id)
    act("Grace")
    permitted.cancel(run.id)
    assert queue.find(run.id).cancelled  # type: ignore[union-attr]


def test_what_was_found_for_others_is_not_set_aside() -> None:
    run = done(permitted.submit(TransferSpec()))
    act("Bo")
    with pytest.raises(RunProblem, match="Ada asked for it"):
        permitted.submit(TransferSpec(), again=True)
    assert run.result() is not None
    assert permitted.submit(TransferSpec()) == run  # what is done is there for everybody
    assert queue.askers()[run.id] == ("Ada", "Bo")


def test_menus_and_lists_hold_ones_own_runs(here: room.Room) -> None:
    mine, theirs = TransferSpec(seed=1), TransferSpec(seed=2)
    one = done(permitted.submit(mine))
    act("Bo")
    other = done(permitted.submit(theirs))
    for name, wanted in (("Bo", {other.id}), ("Ada", {one.id}), ("Grace", {one.id, other.id})):
        act(name)
        app = open_page("runs")
        is_clean(app)
        assert set(app.dataframe[0].value["run"]) == wanted
    act("Ada")
    is_clean(open_page("train", run=other.id))  # a link opens what others have


def test_a_plan_is_each_persons_own() -> None:
    app = open_page("domains")
    next(s for s in app.selectbox if s.label == "Target").set_value("digits").run()
    act("Bo")
    assert open_page("domains").session_state["plan"] == FIRST


def test_who_was_sent_away_sees_nothing() -> None:
    run = permitted.submit(TransferSpec())
    act(None)
    app = open_page("runs")
    assert "Reload the page and join again" in texts(app) and run.id not in texts(app) and not app.dataframe


# -- the teacher ---------------------------------------------------------------------------------------------------


def test_the_teachers_page_is_the_teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    run = permitted.submit(TransferSpec())
    act("Bo")
    app = open_page("board")
    assert "teacher" not in app.session_state["pages"] and "board" in app.session_state["pages"]
    act("Grace")
    app = open_page("teacher")
    is_clean(app)
    assert "Ada" in texts(app) and run.id[:6] in texts(app)
    assert list(app.dataframe[0].value["waiting"]) == [1, 0, 0]
    app.toggle(key="teacher:pause").set_value(True).run()
    is_clean(app)
    assert queue.is_paused()
    app.toggle(key="teacher:pause").set_value(False).run()
    assert not queue.is_paused()
    press(app, "Stop")
    assert queue.find(run.id).cancelled and "Stopping …" in labels(app)  # type: ignore[union-attr]
    act("Ada")  # whatever a browser sends
    app.toggle(key="teacher:pause").set_value(True).run()
    assert not queue.is_paused()


def test_the_teacher_frees_a_name(here: room.Room) -> None:
    act("Grace")
    app = open_page("teacher")
    app.selectbox(key="teacher:name").set_value("Bo").run()
    press(app, "Free it")
    assert [one.name for one in here.people()] == ["Ada", "Grace"]


# -- the board -----------------------------------------------------------------------------------------------------


def test_the_board_pools_the_runs_of_a_class() -> None:
    is_clean(open_page("board"))
    runs = []
    for number, name in enumerate(("Ada", "Bo", "Grace")):
        run = pooled.comparison(10 * number, pooled.drawn(10 * number, 0.2))
        queue.note_asker(run.id, name)
        runs.append(run)
    hostile = "![x](http://evil.example)"
    said = [{"lesson": "what_transfers", "choice": "helps", "late": False}, {"lesson": hostile, "choice": hostile}]
    home.write_atomic(runs[0].path / "predicted.json", json.dumps(said))
    app = open_page("board")
    is_clean(app)
    table, predicted = app.dataframe[0].value, app.dataframe[1].value
    assert sorted(table["by"]) == ["Ada", "Bo", "Grace"] and sorted(table["first seed"]) == [0, 10, 20]
    assert list(predicted["by"]) == ["Ada", "Ada"] and predicted["predicted"][0] == "helps"
    assert hostile not in texts(app)
    press(app, "Weigh 3 runs together")
    spec = PoolSpec(tuple(sorted(run.id for run in runs)))
    assert [Run.at(job.run).spec for job in queue.jobs()] == [spec]
    queue.remove(spec.run_id)
    verdict = compared("helps", 0.2).verdict
    answered(spec, PoolResult(verdict, [PooledRunResult(r.id, [0], 0.5, 0.7) for r in runs], [], ["Two repeats."]))
    app = open_page("board")
    is_clean(app)
    assert [m.value for m in app.metric if m.label == "Gap of all runs"] == ["+20.0 points"]
    assert "Two repeats." in texts(app)


def test_the_board_shows_nothing_that_nobody_of_the_room_asked_for() -> None:
    pooled.comparison(0, pooled.drawn(0, 0.2))
    assert "No comparison yet" in texts(open_page("board"))


def test_without_a_room_there_are_no_such_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_room", None)
    monkeypatch.setattr(room, "me", lambda: None)
    app = open_page("runs")
    is_clean(app)
    assert not {"board", "teacher"} & set(app.session_state["pages"])
    run = permitted.submit(TransferSpec())
    permitted.cancel(run.id)
    permitted.check_teacher("Weights are removed")
    assert queue.jobs()[0].owner == queue.HERE and queue.askers() == {} and queue.jobs()[0].timeout == 0
    assert executor().state(run.id) == "waiting" and (ROOT / "pages" / "board.py").exists()


def test_a_lesson_is_predicted_by_each_under_their_name() -> None:
    lesson = find("what-transfers")
    for name, choice in (("Ada", "helps"), ("Bo", "hurts")):
        act(name)
        app = open_page("lessons", lesson=lesson.name)
        is_clean(app)
        assert "You predicted" not in texts(app), "others' predictions are not one's own"
        app.radio[0].set_value(choice).run()
        press(app, "Predict and run")
        assert f"You predicted: {lesson.choices[0 if choice == 'helps' else 2].text}" in texts(app)
    run = Run.at(lesson.spec.run_id)
    assert [(one.by, one.choice) for one in run.predictions] == [("Ada", "helps"), ("Bo", "hurts")]
    assert queue.askers()[run.id] == ("Ada", "Bo")
    act("Grace")
    board = open_page("board")
    is_clean(board)
    assert any(list(frame.value.get("predicted", [])) == ["helps", "hurts"] for frame in board.dataframe)


def test_people_move_their_own_jobs_and_put_back_what_they_deleted() -> None:
    first, second = (permitted.submit(TransferSpec(seed=seed)) for seed in (0, 1))
    act("Bo")
    other = permitted.submit(TransferSpec(seed=2))
    assert queue.move(second.id, -1) and not queue.move(other.id, -1), "places are changed among one's own"
    assert [job.run for job in queue.jobs()] == [second.id, other.id, first.id]
    done(first)
    with pytest.raises(RunProblem, match="yours alone"):
        permitted.delete(first.id)
    act("Ada")
    assert permitted.delete(first.id) == [first.id] and not first.path.exists()
    assert "Deleted lately" not in str(open_page("runs").expander), "all that was deleted is the teacher's to see"
    act("Grace")
    assert any(one.label.startswith("Deleted lately") for one in open_page("runs").expander)
