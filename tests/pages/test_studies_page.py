"""Studies: asked on the plan of Design, followed while they run, and read once they are done."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import ROOT, STUDIES, comparison, is_clean, open_page, study, texts, training
from tests.support.pages import _no_workers as _no_workers
from tltk import home
from tltk.dashboard import study_view
from tltk.jobs import queue
from tltk.runs.run import Child, Run
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.race.spec import RaceSpec
from tltk.studies.sweep.spec import SweepSpec


def field(app: AppTest, label: str) -> Any:
    kinds = (app.text_input, app.number_input, app.selectbox, app.multiselect, app.checkbox)
    return next(one for kind in kinds for one in kind if one.label == label)


def question(name: str, **query: str) -> AppTest:
    app = open_page("studies", **query)
    app.button_group(key="widget:studies:kind").set_value(name).run()
    is_clean(app)
    return app


def start(app: AppTest) -> Any:
    next(b for b in app.button if b.label.startswith("Start ")).click().run()
    is_clean(app)
    [job] = queue.jobs()
    return Run.at(job.run).spec


def charts(app: AppTest) -> list[dict[str, Any]]:
    found = [e.proto for e in app.get("bidi_component")]
    return [json.loads(p.json) for p in found if p.component_name.endswith("tltk_plot")]


def offered(app: AppTest) -> list[str]:
    """What can be downloaded."""
    return [str(getattr(button, "label", "")) for button in app.get("download_button")]


def test_every_study_with_a_table_is_offered() -> None:
    assert set(study_view.kinds()) >= {"race", "labels", "sweep"}
    assert "compare" not in study_view.kinds(), "it has a page of its own"
    app = question("race")
    assert "No study of this kind yet" in texts(app)
    assert "Several techniques under one budget" in texts(app), "what it does, in a line"
    [more] = [one for one in app.expander if one.label.startswith("What this study does")]
    told = "Techniques side by side at a matched budget"
    assert told in more.markdown[0].value and texts(app).count(told) == 1, "the rest is one click away"
    # The source, three arms at three rates, three arms with three seeds.
    assert [b.label for b in app.button if b.label.startswith("Start")] == ["Start 19 trainings"]


def test_a_race_takes_its_domains_and_its_network_from_the_plan() -> None:
    app = question("race", target="digits", source="rendered_digits", epochs="7", backbone="test_resnet")
    field(app, "Arms").set_value(["scratch", "bias+l2_sp@2"]).run()
    field(app, "Rates to search").set_value("0.001, 0.01").run()
    field(app, "Seeds").set_value(4).run()
    spec = start(app)
    assert isinstance(spec, RaceSpec)
    assert (spec.target.name, spec.source and spec.source.name, spec.optim.epochs) == ("digits", "rendered_digits", 7)
    assert (spec.arms, spec.lrs, spec.seeds) == (("scratch", "bias+l2_sp@2"), (0.001, 0.01), 4)
    assert any("tltk race" in code.value for code in app.code)


def test_rates_and_seeds_begin_as_in_the_plan_where_they_mean_the_same() -> None:
    app = question("race", lrs="0.002,0.02", seeds="4", **{"first-seed": "7"})
    assert (field(app, "Rates to search").value, field(app, "Seeds").value) == ("0.002, 0.02", 4)
    spec = start(app)
    assert isinstance(spec, RaceSpec) and (spec.lrs, spec.seeds, spec.first_seed) == ((0.002, 0.02), 4, 7)
    tune = question("tune", lrs="0.002,0.02")  # there they are the ends of what is searched
    assert field(tune, "Rates to search").value != "0.002, 0.02"


def test_labels_and_sweep_have_their_own_fields() -> None:
    app = question("labels")
    field(app, "Labels per class").set_value("2, 4, 8").run()
    spec = start(app)
    assert isinstance(spec, LabelsSpec) and spec.shots == (2, 4, 8)
    queue.remove(spec.run_id)
    app = question("sweep")
    assert set(field(app, "Arms").options) == {"AnB", "AnB+", "BnB", "BnB+", "random"}
    field(app, "Arms").set_value(["AnB"]).run()
    field(app, "Layers kept").set_value("1, 3").run()
    field(app, "Halves of the target's classes").set_value("random").run()
    assert "halves of its classes" in texts(app)
    spec = start(app)
    assert isinstance(spec, SweepSpec)
    assert (spec.source, spec.halves, spec.arms, spec.layers) == (None, "random", ("AnB",), (1, 3))


def test_an_atlas_is_asked_on_domains_of_its_own() -> None:
    app = question("atlas", shots="4", size="16")
    assert {"digits", "shapes"} <= set(field(app, "Domains").options)
    assert "Pictures of 16 px, 4 labels per class" in texts(app)
    spec = start(app)
    assert isinstance(spec, AtlasSpec) and (spec.data.shots, spec.data.size) == (4, 16)


def test_columns_of_one_name_are_both_shown() -> None:
    app = open_page("studies", run=study("plane").id)
    is_clean(app)
    assert [str(c).strip("\u2060") for c in app.dataframe[0].value.columns].count("95% interval") == 2


@pytest.mark.parametrize(
    ("name", "label", "value", "sentence"),
    [
        ("race", "Arms", ["scratch", "bananas"], "'bananas'"),
        ("race", "Arms", ["scratch"], "wo techniques or more"),
        ("race", "Rates to search", "1e-3, often", "must be numbers separated by commas. Got '1e-3, often'"),
        ("labels", "Labels per class", "5", "two numbers of labels or more"),
        ("sweep", "Layers kept", "0", "each at least 1"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence_and_cannot_be_started(
    name: str, label: str, value: Any, sentence: str
) -> None:
    app = question(name)
    field(app, label).set_value(value).run()
    is_clean(app)
    assert sentence in texts(app)
    assert not [b for b in app.button if b.label.startswith("Start ")]


def test_fields_are_kept_while_another_question_or_page_is_open() -> None:
    app = question("labels")
    field(app, "Labels per class").set_value("3, 9").run()
    app.button_group(key="widget:studies:kind").set_value("race").run()
    app.switch_page(str(ROOT / "pages" / "runs.py")).run()
    app.switch_page(str(ROOT / "pages" / "studies.py")).run()
    app.button_group(key="widget:studies:kind").set_value("labels").run()
    is_clean(app)
    assert field(app, "Labels per class").value == "3, 9"


@pytest.mark.parametrize("name", list(STUDIES))
def test_a_study_that_is_done_shows_sentence_figure_table_and_remarks(name: str) -> None:
    run, (_, result) = study(name), STUDIES[name]
    app = open_page("studies", run=run.id)
    is_clean(app)
    assert app.button_group(key="widget:studies:kind").value in (name, [name])
    assert result.sentence in texts(app) and result.remarks[0] in texts(app)
    drawn = charts(app)
    assert drawn and all(chart["figure"]["data"] and chart["alt"] for chart in drawn)
    assert len(app.dataframe) == 2 and "trainings" in app.dataframe[1].value, "what was found, and what it cost"
    assert offered(app) == ["Report (HTML)", "Figures (CSV)", "All of it (JSON)"]


def test_a_study_tells_whose_method_it_is() -> None:
    assert "*Source:* Yosinski, Clune, Bengio and Lipson (2014)" in texts(question("sweep"))
    told = texts(open_page("studies", run=study("sweep").id))
    assert "*Source:* Yosinski" in told and "AnB: n layers of a network trained on A, frozen" in told


def test_a_click_queues_the_counter_experiment_of_a_cause() -> None:
    run = study("causes")
    app = open_page("studies", run=run.id)
    is_clean(app)
    [button] = [b for b in app.button if b.label.startswith("Test “Features are not there”")]
    button.click().run()
    is_clean(app)
    [job] = queue.jobs()
    asked = Run.at(job.run).spec
    assert isinstance(asked, CausesSpec) and asked.counter == ("features_missing",)
    assert dataclasses.replace(asked, counter=()) == run.spec


def test_a_kind_without_a_figure_shows_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    run = study("race")
    monkeypatch.setattr(study_view, "charts_of", lambda kind, found, idle: [])
    app = open_page("studies", run=run.id)
    is_clean(app)
    assert not charts(app) and len(app.dataframe) == 2


def test_while_it_runs_its_trainings_are_counted_by_arm() -> None:
    app = question("race")
    spec = start(app)
    run, one, other = Run.create(spec), training(boundary=1), training("failed", "Why.", boundary=3)
    run.write_children([Child(one.id, "fine_tune", "search", 0, 0.1), Child(other.id, "fine_tune", "search", 0, 0.2)])
    app = open_page("studies", run=run.id)
    is_clean(app)
    [chart] = charts(app)
    assert chart["live"]["url"] == f"/tltk/live/{run.id}"
    row = app.dataframe[0].value.iloc[0].to_dict()
    assert row == {"arm": "fine_tune", "for": "search", "trainings": 2, "done": 1, "running": 0, "failed": 1}


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_study_that_ended_badly_says_why_and_can_be_resumed(state: str) -> None:
    run = study("sweep", state)
    app = open_page("studies", run=run.id)
    is_clean(app)
    assert "The reason." in texts(app)
    next(b for b in app.button if b.label == "Resume").click().run()
    assert [job.run for job in queue.jobs()] == [run.id]


def test_a_result_of_another_version_is_a_sentence() -> None:
    run = study("race")
    home.write_atomic(run.path / "result.json", json.dumps({"arms": "of the future"}))
    app = open_page("studies", run=run.id)
    is_clean(app)
    assert "of another version" in texts(app)


def test_a_run_of_another_kind_is_sent_to_its_page() -> None:
    app = open_page("studies", run=comparison("helps").id)
    is_clean(app)
    race = study("race")
    other = open_page("curves", run=race.id)
    is_clean(other)
    assert f"Run {race.id} is a study of kind race, which this page does not show" in texts(other)


def test_another_question_leaves_the_chosen_study() -> None:
    race, labels = study("race"), study("labels")
    app = open_page("studies", run=race.id)
    app.button_group(key="widget:studies:kind").set_value("labels").run()
    is_clean(app)
    assert app.query_params["run"] in (labels.id, [labels.id]) and "fine_tune is as accurate as scratch" in texts(app)


def test_runs_opens_a_study_and_does_not_call_it_a_training() -> None:
    study("race")
    app = open_page("runs")
    table = app.dataframe[0].value
    row = list(table["kind"]).index("race")
    assert table["result"][row] == ""
    app.session_state["runs:table:0"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    app.run()
    next(b for b in app.button if b.label == "Open").click().run()
    is_clean(app)
    assert app.title[0].value == "Studies"


def test_curves_offers_the_report_of_a_comparison() -> None:
    app = open_page("curves", run=comparison("helps").id)
    is_clean(app)
    assert offered(app) == ["Report (HTML)", "Figures (CSV)", "All of it (JSON)"]
    assert not open_page("curves", run=comparison("helps", state="failed").id).get("download_button")


def test_a_cross_validation_has_its_folds_at_hand() -> None:
    app = question("cross_validate", target="digits", backbone="test_resnet")
    assert [b.label for b in app.button if b.label.startswith("Start")] == ["Start 21 trainings"]  # one of the source
    field(app, "Folds").set_value(3).run()
    field(app, "Repeats").set_value(2).run()
    field(app, "Arms").set_value(["scratch", "bias"]).run()
    spec = start(app)
    assert isinstance(spec, CrossValidateSpec)
    assert (spec.arms, spec.folds, spec.repeats, spec.target.name) == (("scratch", "bias"), 3, 2, "digits")
    assert any("tltk cross-validate" in code.value for code in app.code)
