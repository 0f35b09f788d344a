"""Lessons: their files, the runs that they ask for, and what they draw from a result."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.support.results import compared, labelled, planed, raced, swept
from tests.support.shell import tltk as shell
from tltk import assets, home
from tltk.analyses.rank.result import Candidate, RankResult
from tltk.dashboard.chrome import PAGES
from tltk.data import domains
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs.checking import check
from tltk.lessons import find, lessons
from tltk.lessons.lesson import read
from tltk.lessons.outcome import follow
from tltk.results.ranking import PairResult
from tltk.runs.predictions import Prediction
from tltk.runs.run import Run
from tltk.specs.command import read_command, to_command
from tltk.specs.training import TransferSpec

LESSONS = lessons()
NAMES = [lesson.name for lesson in LESSONS]
ALL = {path: read(path.name, path.read_text("utf-8")) for path in sorted((assets.folder() / "lessons").iterdir())}
BY_NAME = {lesson.name: lesson for lesson in ALL.values()}  # those too whose domains are not here
MOST_LINK = 42  # characters of a link, which is one line in a narrow window


def test_there_are_ten_and_their_numbers_follow() -> None:
    assert len(LESSONS) >= 10
    assert [lesson.number for lesson in ALL.values()] == list(range(1, len(ALL) + 1))


def test_a_lesson_is_listed_where_its_domains_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(NAMES) == {name for name, lesson in BY_NAME.items() if all(need in domains for need in lesson.needs)}
    monkeypatch.setattr("tltk.lessons.lesson.domains", ("digits",))
    lessons.cache_clear()
    try:
        assert [lesson.name for lesson in lessons()] == [name for name in BY_NAME if name != "transfer-in-text"]
    finally:
        lessons.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_every_lesson_asks_for_a_run_that_can_be_queued(name: str) -> None:
    lesson = find(name)
    check(lesson.spec)
    assert read_command(to_command(lesson.spec)) == lesson.spec
    assert 0 < lesson.minutes <= 2
    assert {see.page for see in lesson.see} <= set(PAGES) and lesson.see
    assert all(len(see.text) <= MOST_LINK for see in lesson.see)
    other = lesson.with_seed(lesson.seed_of(lesson.spec) + 1)
    assert other.run_id != lesson.spec.run_id
    assert lesson.asks(other) and not lesson.asks(TransferSpec())


def race(first: float, second: float, names: tuple[str, str], sure: bool) -> Any:
    """A race of two of which the first is ahead, surely or not."""
    found = raced(names=names)
    places = [(1, 1), (2, 2)] if sure else [(1, 2), (1, 2)]
    arms = [
        msgspec.structs.replace(arm, accuracy=accuracy, best_rank=best, worst_rank=worst)
        for arm, accuracy, (best, worst) in zip(found.arms, (first, second), places, strict=True)
    ]
    pair = PairResult(*names, second - first, -0.3, -0.1 if sure else 0.1, "hurts" if sure else "cannot tell")
    return msgspec.structs.replace(found, arms=arms, pairs=[pair])


def plane(kept: float) -> Any:
    """A plane with the techniques of the lesson, of which fine-tuning keeps so much."""
    found, names = planed(), ("fine_tune", "discriminative:decay=0.1", "l2_sp:weight=1")
    points = [
        msgspec.structs.replace(point, name=name, source=source)
        for point, name, source in zip(found.points, names, (kept, 0.74, 0.8), strict=True)
    ]
    return msgspec.structs.replace(found, points=points)


def depths(*accuracy: float) -> Any:
    """A sweep whose frozen series is this accurate."""
    found = swept(("AnB", "AnB+"))
    curves = [msgspec.structs.replace(c, layers=[1, 2, 3, 4, 5], accuracy=list(accuracy)) for c in found.curves]
    return msgspec.structs.replace(found, curves=curves)


def worth(labels: float | None, beyond: str = "") -> Any:
    """A study of labels in which ten are worth so many."""
    found = labelled()
    each = [msgspec.structs.replace(w, labels=labels, beyond=beyond) if w.shots == 10 else w for w in found.worth]
    return msgspec.structs.replace(found, worth=each)


def ranking(*weights: str, sure: bool = True) -> RankResult:
    """Networks in this order, of which the first is surely so, or not."""
    places = {"logme": (1, 1 if sure else 2)}
    rows = tuple(
        Candidate(backbone="net", weights=w, scores={"logme": 0.0}, why={}, seconds=1.0, places=places) for w in weights
    )
    return RankResult(rows=rows, n=500, classes=10, order="The order in a sentence.")


OUTCOMES: list[tuple[str, Any, str, str]] = [
    ("what-transfers", compared("helps", 0.2), "helps", "50.0% of the 790 test pictures"),
    ("what-transfers", compared("hurts", -0.2), "hurts", "−20.0 points, 95% interval −25.0 to −15.0 points"),
    ("what-transfers", compared("no difference", 0.0), "same", "30.0% against 30.0%"),
    ("what-transfers", compared("cannot tell", 0.01), "", "from −4.0 to +6.0 points"),
    ("freeze-boundary", depths(0.5, 0.4, 0.3, 0.3, 0.2), "first", "50.0% against 20.0%"),
    ("freeze-boundary", depths(0.5, 0.4, 0.6, 0.3, 0.2), "middle", "3 frozen layers were best"),
    ("freeze-boundary", depths(0.5, 0.4, 0.6, 0.3, 0.7), "all", "all five: 70.0%"),
    ("rates-and-forgetting", plane(0.95), "most", "90.0% before, 95.0% after"),
    ("rates-and-forgetting", plane(0.6), "some", "60.0% after"),
    ("rates-and-forgetting", plane(0.4), "few", "it kept 74.0%"),
    ("little-data", worth(12.0), "about", "with 12 per class"),
    ("little-data", worth(22.4), "double", "about 22.4 per class"),
    ("little-data", worth(38.0), "more", "about 38 per class"),
    ("little-data", worth(None, "above"), "beyond", "ends at 90.0%"),
    ("little-data", worth(None, "below"), "", "lies below"),
    ("domain-shift", race(0.9, 0.3, ("target_only", "source_only"), True), "few", "costs 60.0 points"),
    ("domain-shift", race(0.9, 0.5, ("target_only", "source_only"), True), "half", "50.0% right"),
    ("domain-shift", race(0.9, 0.8, ("target_only", "source_only"), True), "most", "80.0% right"),
    ("adversarial-alignment", race(0.6, 0.4, ("dann", "source_only"), True), "better", "+20.0 points"),
    ("adversarial-alignment", race(0.6, 0.4, ("source_only", "dann"), True), "worse", "−20.0 points"),
    ("adversarial-alignment", race(0.6, 0.4, ("dann", "source_only"), False), "", "a difference of 20.0 points"),
    ("negative-transfer", compared("hurts", -0.2), "hurts", "−20.0 points"),
    ("negative-transfer", compared("helps", 0.2), "helps", "50.0% against 30.0%"),
    ("choosing-a-backbone", ranking("store:resnet10t_formulas", "scratch"), "resnet", "The order in a sentence."),
    ("choosing-a-backbone", ranking("scratch", "store:test_resnet_misled"), "scratch", "with random weights"),
    ("choosing-a-backbone", ranking("scratch", "store:x", sure=False), "cannot-tell", "but: The order in a sentence."),
    ("choosing-a-backbone", ranking("store:another", "scratch"), "", "store:another"),
    (
        "an-honest-comparison",
        race(0.6, 0.5, ("fine_tune", "lp_ft"), False),
        "cannot-tell",
        "from −30.0 to +10.0 points",
    ),
    ("an-honest-comparison", race(0.6, 0.5, ("fine_tune", "lp_ft"), True), "fine-tune", "60.0% against 50.0%"),
    ("an-honest-comparison", race(0.6, 0.5, ("lp_ft", "fine_tune"), True), "lp-ft", "60.0% against 50.0%"),
    ("transfer-in-sound", compared("helps", 0.2), "helps", "test sounds were right"),
    ("transfer-in-text", compared("cannot tell", 0.01), "cannot-tell", "−4.0 to +6.0 points"),
    ("transfer-in-text", compared("helps", 0.2), "helps", "790 test sentences"),
]


@pytest.mark.parametrize(("name", "result", "choice", "words"), OUTCOMES)
def test_the_outcome_is_drawn_from_the_result(name: str, result: Any, choice: str, words: str) -> None:
    lesson = BY_NAME[name]
    run = Run.create(lesson.spec)
    assert lesson.outcome(run) is None, "nothing is said before it is done"
    home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(result)))
    run.write_status(state="done")
    found = lesson.outcome(run)
    assert found is not None and found.choice == choice
    assert words in found.answer and "{" not in found.answer and "–" not in found.answer


def test_every_lesson_has_a_tested_outcome() -> None:
    assert {name for name, *_ in OUTCOMES} == set(BY_NAME)


HEAD = """+++
title = "A title"
short = "A short question?"
minutes = 1
command = "tltk compare --target digits --weights store:x"
question = "Which?"
otherwise = "It cannot tell."
[values]
label = "verdict.label"
[[choices]]
name = "one"
text = "One."
when = [{ value = "label", is = "helps" }]
answer = "It is {label}."
[[choices]]
name = "two"
text = "Two."
answer = "It is two."
+++
About it.

## What to look for

- This.
"""


def test_a_lesson_is_read_from_its_file() -> None:
    lesson = read("11-a-name.md", HEAD)
    assert (lesson.name, lesson.number, lesson.text, lesson.look) == ("a-name", 11, "About it.", "- This.")
    assert lesson.tag == "lesson:a-name" and lesson.choice("two") is not None and lesson.choice("three") is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("+++\ntitle", "title", "between two lines of"),
        ('title = "A title"\n', "", "missing required field `title`"),
        ('title = "A title"', 'titel = "A title"\ntitle = "A title"', "titel"),
        ('short = "A', "short = A", "has not"),
        ("## What to look for", "## Look", "what to look for"),
        ('name = "two"', 'name = "one"', "its own name"),
        ("tltk compare", "tltk comapre", "comapre"),
        ("--target digits", "--traget digits", "--traget"),
        ("verdict.label", "verdict.lable", "There is no lable"),
        ("verdict.label", "verdict[0].label", "stands after what is none"),
        ("verdict.label", "verdict..label", "A path must be"),
        ('value = "label"', 'value = "gap"', "must name one of the values"),
        (', is = "helps"', "", "must say is, above or below"),
        ("{label}", "{gap}", "must have fields of"),
        ("{label}", "{label:euros}", "must have fields of"),
        ('"It is two."', '""', "must have words"),
    ],
)
def test_what_is_no_lesson_is_refused_in_a_sentence(old: str, new: str, says: str) -> None:
    assert old in HEAD
    with pytest.raises(BadSpec, match="lesson 11-a-name.md") as refused:
        read("11-a-name.md", HEAD.replace(old, new, 1))
    assert says in str(refused.value)


def test_a_file_must_be_called_as_a_lesson_is() -> None:
    with pytest.raises(BadSpec, match="NN-name"):
        read("a name.md", HEAD)


def test_paths_choose_from_lists() -> None:
    result = race(0.6, 0.4, ("dann", "source_only"), True)
    assert follow("arms[name=dann].accuracy", result) == 0.6
    assert follow("arms[-1].name", result) == "source_only"
    assert follow("arms[name=absent].accuracy", result) is None and follow("arms[7].name", result) is None


def test_predictions_lie_beside_the_run() -> None:
    lesson = find("what-transfers")
    run = Run.create(lesson.spec)
    before = (run.path / "spec.json").read_bytes()
    run.predict(Prediction(lesson.name, "helps"))
    run.predict(Prediction(lesson.name, "hurts"))
    run.predict(Prediction(lesson.name, "helps", by="Ada"))
    assert [(one.choice, one.by) for one in run.predictions] == [("hurts", ""), ("helps", "Ada")]
    assert (run.path / "spec.json").read_bytes() == before and run.id == lesson.spec.run_id
    (run.path / "rows.jsonl").write_bytes(b"")
    run.write_status(state="done")
    run.clear()
    assert len(run.predictions) == 2, "they outlive another attempt"
    with pytest.raises(RunProblem, match="deleted"):
        Run.at("0" * 12).predict(Prediction(lesson.name, "helps"))


def test_the_shell_lists_and_prints_lessons() -> None:
    listed = shell("lessons")
    assert listed.exit_code == 0 and all(name in listed.output for name in NAMES)
    one = shell("lessons", "freeze-boundary")
    lesson = find("freeze-boundary")
    assert lesson.question in one.output and lesson.command in one.output and lesson.look in one.output
    told = json.loads(shell("lessons", "2", "--json").output)
    assert told["name"] == "freeze-boundary" and told["spec"]["kind"] == "sweep" and told["runs"] == []
    run = Run.create(lesson.spec)
    run.predict(Prediction(lesson.name, "all"))
    home.write_atomic(run.path / "result.json", msgspec.json.encode(depths(0.5, 0.4, 0.6, 0.3, 0.2)))
    run.write_status(state="done")
    [told] = json.loads(shell("lessons", "2", "--json").output)["runs"]
    assert (told["choice"], told["predictions"][0]["choice"]) == ("middle", "all")
    assert "3 frozen layers were best" in shell("lessons", "2").output
    assert [one["name"] for one in json.loads(shell("lessons", "--json").output)] == NAMES
    with pytest.raises(UnknownName, match="freeze-boundary"):
        find("freeze-boundry")
