"""A comparison on Curves: what its curves tell, what it cost, and the pictures on which its arms differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.support import ledgers
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, open_page, study, texts, training
from tests.support.results import compared
from tltk import home
from tltk.analyses.pictures.result import PicturesResult
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.jobs import queue
from tltk.results.transfer import Flip, Flips, SpeedUp, TransferMetric
from tltk.runs.run import Run
from tltk.specs.reading import with_absolute_paths

CLASSES = ["cat", "<b>dog</b>", "cow"]
FLIPS = Flips(
    [4, 9],
    [1],
    [Flip(4, 0, [0, 0, 0], [1, 1, 2]), Flip(9, 2, [2, 2, 0], [0, 0, 0]), Flip(1, 1, [0] * 3, [1] * 3)],
    CLASSES,
)
METRICS = [
    TransferMetric("jump_start", 0.1, 0.3, 0.2, 0.1, 0.3, 3),
    TransferMetric("area_ratio", 0.2, 0.3, 0.5, None, None, 1),
]
SPEED_UPS = [
    SpeedUp("step", 40.0, 20.0, 2.0, 1.5, 2.7, 3, 0, 3),
    SpeedUp("gflops", 40.0, None, None, None, None, 1, 0, 3),
]
ASKED = with_absolute_paths(PicturesSpec(ledgers.SPEC.target, (4, 9, 1)))


def comparison(**more: Any) -> Run:
    run, _ = ledgers.study()
    given: dict[str, Any] = {"flips": FLIPS, "metrics": METRICS, "speed_ups": SPEED_UPS, **more}
    home.write_atomic(run.path / "result.json", msgspec.json.encode(compared("helps", 0.2, **given)))
    return run


def opened(run: Run) -> AppTest:
    app = open_page("curves", run=run.id)
    is_clean(app)
    return app


def brought(labels: list[int]) -> Path:
    """The pictures as a worker would have brought them."""
    answered(ASKED, PicturesResult([4, 9, 1], labels, CLASSES, 20))
    path = Run.at(ASKED.run_id).path / "pictures.png"
    Image.new("RGB", (32 * 40, 40), (200, 20, 20)).save(path)
    return path


def images(app: AppTest) -> list[Any]:
    return [image for element in app.get("image") for image in element.proto.imgs]


def cells(app: AppTest) -> str:
    return "\n".join(table.value.to_csv() for table in app.dataframe)


def test_what_the_curves_tell_has_its_interval() -> None:
    shown = cells(opened(comparison()))
    assert "Jump-start (accuracy at the first evaluation),10.0%,30.0%,+20.0,+10.0 … +30.0" in shown
    assert "Area ratio (area under the curve),,,+50.0%,–" in shown
    assert 'steps,"2.0 times fewer steps (95% interval 1.5 … 2.7, 3 seeds)"' in shown
    assert "FLOPs,not reached in 2 of 3 seeds" in shown


def test_pictures_that_flip_are_named_at_once_and_fetched_by_a_click() -> None:
    app = opened(comparison())
    assert (
        "In most seeds **2** test pictures are right from scratch and wrong after transfer, and **1** the reverse."
        in texts(app)
    )
    assert "cat; scratch: cat; transfer: <b>dog</b> (2 of 3)" in cells(app)
    assert queue.jobs() == [], "nothing is read before somebody asks"
    next(b for b in app.button if b.label == "Show the pictures").click().run()
    is_clean(app)
    [job] = queue.jobs()
    assert Run.at(job.run).spec == ASKED


def test_pictures_are_shown_with_both_answers_and_a_text_for_who_does_not_see_them() -> None:
    brought([0, 2, 1])
    app = opened(comparison())
    shown = images(app)
    assert len(shown) == 3 and "Show the pictures" not in [b.label for b in app.button]
    assert [image.alt for image in shown][1] == "Picture of cow; scratch: cow (2 of 3); transfer: cat"
    assert "<b>" not in shown[0].caption and "dog" in shown[0].caption, "a class's name is text"
    assert "**Right from scratch, wrong after transfer**" in texts(app)


def test_a_class_that_is_chosen_elsewhere_leaves_its_pictures_alone() -> None:
    brought([0, 2, 1])
    app = open_page("curves", run=comparison().id)
    app.session_state["chosen:class"] = "cow"
    app.run()
    is_clean(app)
    assert [image.alt for image in images(app)] == ["Picture of cow; scratch: cow (2 of 3); transfer: cat"]


def test_both_arms_confidences_are_a_click_away() -> None:
    run = comparison()
    app = opened(run)
    next(b for b in app.button if b.label.startswith("See them with")).click().run()
    is_clean(app)
    arms = {child.arm: child.id for child in run.children() if child.role == "measure"}
    state = app.session_state
    assert state["held:examine:question"] == "Confusion" and state["held:confusion:show"] == "lost"
    assert (state["run"], state["examine:against"]) == (arms["transfer"], arms["scratch"])


def test_where_the_pictures_are_gone_the_words_stay() -> None:
    path = brought([0, 2, 1])
    path.unlink()
    app = opened(comparison())
    assert "The pictures of this result were deleted" in texts(app) and not images(app)
    assert "cow; scratch: cow (2 of 3); transfer: cat" in cells(app)


def test_pictures_of_other_classes_are_not_shown_as_those_that_were_tested() -> None:
    brought([0, 0, 1])
    app = opened(comparison())
    assert "the domain has changed since" in texts(app) and not images(app)


def test_a_domain_that_cannot_be_read_any_more_is_a_sentence() -> None:
    run = Run.create(ASKED)
    run.write_status(state="failed", message="folder:/gone must be a folder. It is not there.")
    app = opened(comparison())
    assert "folder:/gone must be a folder" in texts(app)
    assert "Show the pictures" in [b.label for b in app.button]


def test_the_cost_follows_what_the_reader_counts() -> None:
    app = opened(comparison())
    assert "it holds from 5 uses of the weights on" in texts(app) and "CO₂" not in cells(app)
    assert "transfer,2 + 3,300,6,400,110 GFLOPs,52.0" in cells(app).replace('"', "")
    next(n for n in app.number_input if n.label == "Uses of the weights that share it").set_value(10).run()
    next(n for n in app.number_input if n.label == "CO₂ in grams per kWh").set_value(400.0).run()
    is_clean(app)
    assert "Each arm with 1/10 of its pre-training" in texts(app) and "CO₂" in cells(app)
    assert "CO₂ by the stated factor of 400 g/kWh." in texts(app)
    next(t for t in app.toggle if t.label == "Count pre-training").set_value(False).run()
    assert "Each arm without pre-training" in texts(app)


def test_every_study_and_training_shows_what_it_cost() -> None:
    assert "Some trainings are of a version that did not tell their energy." in texts(
        open_page("studies", run=study("race").id)
    )
    assert "Each arm: trainings that searched a rate + that were measured" in texts(
        open_page("train", run=training().id)
    )


def test_without_its_trainings_the_cost_is_a_sentence() -> None:
    run = comparison()
    for child in run.children():
        shutil.rmtree(Run.at(child.id).path)
    assert "must hold a training with a result to have a ledger. It holds none." in texts(opened(run))


@pytest.mark.parametrize("x", ["step", "epoch", "images", "seconds", "gflops"])
def test_curves_run_over_what_one_chooses(x: str) -> None:
    app = opened(comparison())
    over = next(g for g in app.button_group if list(g.options)[:2] == ["Steps", "Epochs"])
    over.set_value(x)
    next(g for g in app.button_group if "Accuracy" in list(g.options)).set_value("accuracy").run()
    is_clean(app)
    figures = [
        json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_plot")
    ]
    ends = {"step": 40.0, "epoch": 4.0, "images": 640.0, "seconds": 8.0, "gflops": 12.0}
    assert any(
        max(t["x"]) == ends[x]
        for f in figures
        for t in f.get("figure", f).get("data", [])
        if t.get("name") == "scratch"
    ), figures


def test_old_results_are_shown_without_what_they_do_not_tell() -> None:
    app = opened(comparison(flips=None, metrics=[], speed_ups=[]))
    assert "Pictures that are right in one arm" not in [e.label for e in app.expander]
    assert "What it cost" in [e.label for e in app.expander]


def test_runs_over_one_another_are_flagged_where_their_budgets_differ() -> None:
    ledgers.study(gflops=4.0)
    app = open_page("runs")
    app.toggle[0].set_value(True).run()
    kinds = list(app.dataframe[0].value["kind"])
    rows = [i for i, kind in enumerate(kinds) if kind == "training"]
    key = json.dumps({"text": "", "kinds": [], "states": [], "tags": []})
    app.session_state[f"runs:table:0:True:False:{key}"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    is_clean(app)
    assert "The arms differ in FLOPs: 4 GFLOPs" in texts(app) and "Budgets are not equal." in texts(app)
    next(g for g in app.button_group if "Pictures seen" in list(g.options)).set_value("images").run()
    is_clean(app)
