"""Lessons: cards, a prediction before the run, the outcome after it, and a visit that is limited to one of them."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import ROOT, answered, is_clean, open_page, texts
from tests.support.pages import _no_workers as _no_workers
from tests.support.results import compared
from tltk.jobs import queue
from tltk.lessons import find, lessons
from tltk.runs.predictions import Prediction
from tltk.runs.run import Run
from tltk.studies.compare.spec import CompareSpec

NAME = "what-transfers"


def button(app: AppTest, label: str) -> Any:
    return next(b for b in app.button if b.label == label)


def opened(name: str = NAME, **query: str) -> AppTest:
    app = open_page("lessons", lesson=name, **query)
    is_clean(app)
    return app


def predicted(choice: str, label: str | None = "helps") -> Run:
    """A run of the lesson that somebody predicted, done where a verdict is given."""
    lesson = find(NAME)
    run = Run.create(lesson.spec)
    run.predict(Prediction(lesson.name, choice))
    run.write_label(tags=[lesson.tag])
    if label is not None:
        answered(lesson.spec, compared(label, {"helps": 0.2, "hurts": -0.2}.get(label, 0.01)))
    return run


def test_every_lesson_has_a_card_that_opens_it() -> None:
    app = open_page("lessons")
    is_clean(app)
    shown = texts(app)
    for lesson in lessons():
        assert f"{lesson.number} · {lesson.title}" in shown
    assert f"0 of {len(lessons())} done" in shown
    app.button(key="lessons:open:little-data").click().run()
    is_clean(app)
    assert find("little-data").question in texts(app)
    assert app.query_params["lesson"] in ("little-data", ["little-data"])
    button(app, "All lessons").click().run()
    assert f"0 of {len(lessons())} done" in texts(app)


def test_opening_a_lesson_queues_nothing_and_an_answer_comes_first() -> None:
    app = opened()
    assert not queue.jobs()
    assert button(app, "Predict and run").disabled
    app.radio[0].set_value("helps").run()
    assert not button(app, "Predict and run").disabled and not queue.jobs()


def test_the_prediction_lies_beside_the_run_and_not_in_its_spec() -> None:
    app = opened()
    app.radio[0].set_value("hurts").run()
    app.number_input[0].set_value(7).run()
    button(app, "Predict and run").click().run()
    is_clean(app)
    [job] = queue.jobs()
    run, lesson = Run.at(job.run), find(NAME)
    assert run.spec == lesson.with_seed(7) and run.id == lesson.with_seed(7).run_id
    [made] = run.predictions
    assert (made.lesson, made.choice, made.late) == (NAME, "hurts", False)
    assert run.label.tags == (lesson.tag,)
    assert "You predicted: It is worse" in texts(app) and "once the run is done" in texts(app)
    assert "What to look for" in texts(app)
    plan = app.session_state["plan"]
    assert isinstance(plan, CompareSpec) and plan == run.spec, "the other pages show what the lesson is about"


@pytest.mark.parametrize(
    ("choice", "label", "words"),
    [
        ("helps", "helps", "✓ as predicted"),
        ("hurts", "helps", "✕ not as predicted"),
        ("helps", "cannot tell", "it could not tell"),
    ],
)
def test_the_outcome_is_the_run_s_own(choice: str, label: str, words: str) -> None:
    predicted(choice, label)
    app = opened()
    shown = texts(app)
    assert words in shown and find(NAME).look.split("\n")[0] in shown
    assert {"helps": "+20.0 points", "cannot tell": "+1.0 points"}[label] in shown
    assert {"✓": "✓ done: as", "✕": "✕ done: otherwise", "i": "● done: your run"}[words[0]] in texts(
        open_page("lessons")
    )


def test_a_lesson_can_be_predicted_again_with_another_seed() -> None:
    predicted("helps")
    app = opened()
    button(app, "Predict again, with another seed").click().run()
    is_clean(app)
    assert "as predicted" not in texts(app) and button(app, "Predict and run")
    app.radio[0].set_value("hurts").run()
    app.number_input[0].set_value(1).run()
    button(app, "Predict and run").click().run()
    [job] = queue.jobs()
    assert Run.at(job.run).spec == find(NAME).with_seed(1)


def test_a_locked_visit_closes_the_other_pages_and_starts_nothing_else() -> None:
    app = opened(lock="1")
    shown = texts(app)
    assert "This link opens one lesson" in shown
    assert [b.label for b in app.button] == ["Predict and run"]
    assert set(app.session_state["pages"]) == {"lessons", "curves", "examine"}
    app.radio[0].set_value("helps").run()
    button(app, "Predict and run").click().run()
    assert [Run.at(job.run).spec for job in queue.jobs()] == [find(NAME).spec]
    app.switch_page(str(ROOT / "pages" / "curves.py")).run()
    is_clean(app)
    assert app.session_state["locked"] == NAME, "for the whole visit, whatever the URL says then"


def test_a_link_to_a_lesson_that_does_not_exist_says_so() -> None:
    app = open_page("lessons", lesson="no-such")
    assert "no-such" in texts(app) and "0 of" in texts(app)
