"""What a page asks stands on it as commands and as Python, and both ask for the very same."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Code

from tests.support.executors import Idle
from tests.support.finished import finished
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import (
    answered,
    comparison,
    is_clean,
    network_known,
    open_page,
    pictures_known,
    study,
    texts,
)
from tests.support.results import imported
from tests.support.specs import launching
from tltk.adapters import adapters
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.cli.main import main
from tltk.dashboard import asked
from tltk.dashboard.chrome import PAGES
from tltk.dashboard.plan import FIRST
from tltk.dashboard.words import explained
from tltk.jobs import Local, queue
from tltk.lessons import lessons
from tltk.registry import Registry
from tltk.runs.run import Run
from tltk.shift import measures
from tltk.specs.knobs import Spec
from tltk.specs.reading import with_absolute_paths
from tltk.strategies import strategies
from tltk.terms import terms
from tltk.transferability import scores

ONCE_ASKED = ("weights", "lessons")  # nothing is asked there before a file or a lesson is named
OPENED = ("workbench",)  # both texts stand in a chip


def written(app: AppTest, begins: str = asked.TITLE) -> tuple[list[Spec], list[Spec]]:
    """What the commands and the Python of a page ask for."""
    [place] = [one for one in app.expander if one.label == begins]
    return read(*place.code)


def read(shell: Code, python: Code) -> tuple[list[Spec], list[Spec]]:
    """What these two texts ask for."""
    assert (shell.language, python.language) == ("bash", "python")
    caught: list[Spec] = []
    with launching(caught):
        exec(python.value, {})
    return [submitted(line) for line in shell.value.split("\n")], [with_absolute_paths(spec) for spec in caught]


def submitted(line: str) -> Spec:
    """What this command line would have queued."""

    class Caught(Exception):
        pass

    def submit(self: Local, spec: Spec, **more: object) -> Run:
        raise Caught(spec)

    words = shlex.split(line)
    assert words[0] == "tltk"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Idle, "submit", submit)
        ended = CliRunner().invoke(main, words[1:])
    assert isinstance(ended.exception, Caught), ended.output
    spec: Spec = ended.exception.args[0]
    return with_absolute_paths(spec)


def everything() -> Run:
    """Answers and runs of every kind that a page needs to show its questions; the training that can be used."""
    network_known(FIRST.target.size)
    assert FIRST.source is not None
    for side in (FIRST.target, FIRST.source):
        pictures_known(side)
    study("race")
    comparison("hurts")
    return finished()[0]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ONCE_ASKED + OPENED])
def test_command_and_python_of_a_page_ask_for_the_same(name: str) -> None:
    run = everything()
    app = open_page(name, **({"run": run.id} if name in ("examine", "use") else {}))
    is_clean(app)
    if name == "runs":
        app.session_state["runs:table:0"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        app.run()
    elif name == "use":  # nothing is asked while no picture is chosen
        app.button_group(key="widget:use:section").set_value("Evaluate").run()
    is_clean(app)
    by_command, by_python = written(app)
    assert by_command and by_command == by_python
    assert [spec.run_id for spec in by_command] == [spec.run_id for spec in by_python]
    assert not queue.jobs()


def test_the_workbench_hands_on_its_plan_in_both() -> None:
    everything()
    app = open_page("workbench", boundary="3", epochs="7")
    app.session_state["wb-chip-share"] = True
    app.run()
    is_clean(app)
    assert read(*app.code) == ([app.session_state["plan"]], [app.session_state["plan"]])


def test_what_weights_were_asked_is_written_out_too() -> None:
    spec = ImportWeightsSpec(f"file:{finished()[0].path}/model.safetensors", "test_resnet", "mine")
    answered(spec, imported())
    app = open_page("weights")
    app.session_state["weights:asked"] = spec.run_id
    app.run()
    is_clean(app)
    assert written(app) == ([spec], [spec])


def test_a_lesson_is_written_out() -> None:
    lesson = lessons()[0]
    app = open_page("lessons", lesson=lesson.name)
    is_clean(app)
    spec = with_absolute_paths(lesson.spec)
    assert written(app) == ([spec], [spec])


def test_the_plan_of_a_page_is_what_it_asks() -> None:
    everything()
    app = open_page("design", boundary="3", epochs="7", term="coral:weight=0.5")
    by_command, _ = written(app)
    assert by_command == [app.session_state["plan"]] and by_command[0] != FIRST


def test_a_study_that_is_shown_is_written_out_beside_the_next_one() -> None:
    run = study("sweep")
    app = open_page("studies", run=run.id)
    shown, _ = written(app, "The study that is shown, in Python and as a command")
    assert shown == [Run.at(run.id).spec]


@pytest.mark.parametrize("entries", [measures, scores, terms, adapters, strategies], ids=lambda one: one.kind)
def test_every_technique_and_measure_has_its_text(entries: Registry[object]) -> None:
    for name in entries:
        told = explained(entries.docstring(name))
        assert len(told) > 40 and "Args:" not in told, name
        assert entries.summary(name) in entries.docstring(name)


def test_formulas_of_what_a_page_names_are_one_click_away() -> None:
    everything()
    told = texts(open_page("choose"))
    assert "log p(y|F) = n/2 log β + d/2 log α" in told and "*Source:* You et al. (2021), LogME" in told
    app = open_page("design", strategy="fine_tune", term="coral:weight=0.5", adapter="lora")
    for sentence in (
        "pulled towards equal covariances",
        "Sun and Saenko (2016)",
        "low-rank adaptation of large language models",
    ):
        assert sentence in texts(app), sentence
    told = texts(open_page("shift"))
    assert "unbiased: 1/n(n−1) Σ_{i≠j} k(x_i,x_j)" in told and "*Source:* Gretton et al. (2012)" in told


def test_what_a_docstring_holds_is_text() -> None:
    told = explained("First <b>line</b>.\n\n![p](http://evil.example)\n\nArgs:\n    x: Left out.")
    assert "<b>" not in told and "![p](" not in told and "Left out" not in told
