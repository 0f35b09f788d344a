"""Negative transfer: the verdict, per class and by pictures, its causes with their counter-experiments, and the map."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import comparison, is_clean, open_page, study, texts, training
from tests.support.results import caused, compared
from tltk import home
from tltk.jobs import queue
from tltk.results.transfer import Flip, Flips
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.causes.comparison import causes_of
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare.spec import CompareSpec

TEST = "Test “Features are not there”"
FLIPS = Flips([4], [], [Flip(4, 0, [0, 0, 0], [1, 1, 2])], ["cat", "dog", "cow"])


def opened(**query: str) -> AppTest:
    app = open_page("negative", **query)
    is_clean(app)
    return app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, begins: str) -> Any:
    """What a click queues."""
    next(b for b in app.button if b.label.startswith(begins)).click().run()
    is_clean(app)
    [job] = queue.jobs()
    return Run.at(job.run).spec


def charts(app: AppTest) -> list[str]:
    found = [e.proto for e in app.get("bidi_component")]
    return [json.loads(p.json)["alt"] for p in found if p.component_name.endswith("tltk_plot")]


def flipped() -> Run:
    run = comparison("hurts")
    home.write_atomic(run.path / "result.json", msgspec.json.encode(compared("hurts", -0.2, flips=FLIPS)))
    return run


def explained(run: Run, counter: tuple[str, ...] = ()) -> Run:
    """The study of the causes of this comparison, done."""
    spec = run.spec
    assert isinstance(spec, CompareSpec)
    found = Run.create(dataclasses.replace(causes_of(spec), counter=counter))
    home.write_atomic(found.path / "result.json", msgspec.json.encode(caused()))
    found.write_status(state="done")
    return found


def test_a_new_plan_is_offered_its_comparison_and_its_causes() -> None:
    app = opened()
    assert "The plan: rendered digits → blended digits" in str(app.selectbox[0].options)
    assert not queue.jobs(), "nothing is queued before a click"
    spec = press(app, "Compare: 13 trainings")
    assert isinstance(spec, CompareSpec) and spec == app.session_state["plan"]
    queue.remove(spec.run_id)
    spec = press(opened(), "Look for causes: 14 trainings at most")
    assert isinstance(spec, CausesSpec) and spec == causes_of(app.session_state["plan"])


def test_a_comparison_shows_verdict_classes_and_pictures() -> None:
    app = opened(run=flipped().id)
    told = texts(app)
    assert "Transfer hurts" in told and "The sentence that says hurts." in told
    assert [(m.label, m.value) for m in app.metric] == [("Gap", "−20.0 points"), ("95% interval", "−25.0 … −15.0")]
    assert "0 of 1 classes lose and 1 gains." in told
    assert charts(app) == ["Gap in accuracy for each class with its interval."]
    assert "**1** test picture is right from scratch and wrong after transfer" in told
    assert {"Show the pictures", "Look for causes: 14 trainings at most"} <= set(labels(app))


def test_causes_of_the_comparison_stand_beside_it_with_evidence_and_a_button_each() -> None:
    run = flipped()
    explained(run)
    app = opened(run=run.id)
    told = texts(app)
    assert "the cause is confirmed: covariate shift" in told
    assert "at least 60% of the loss" in told and "It fails." in told, "evidence"
    assert "**Confirmed.** The gap is +5.0 points." in told, "what its counter-experiment came to"
    assert "It may be brought about by: " in told
    assert len(charts(app)) == 3
    assert [name for name in labels(app) if name.startswith("Test “")] == [TEST]
    assert "To settle it: all layers learn." in told
    spec = press(app, TEST)
    assert isinstance(spec, CausesSpec) and spec.counter == ("features_missing",)


def test_the_newest_study_of_the_same_causes_is_shown_and_goes_on_from_its_counters() -> None:
    run = flipped()
    explained(run)
    explained(run, ("covariate_shift",))
    spec = press(opened(run=run.id), TEST)
    assert spec.counter == ("covariate_shift", "features_missing")


def test_a_running_counter_experiment_leaves_what_is_known_on_the_page() -> None:
    run = flipped()
    explained(run)
    app = opened(run=run.id)
    press(app, TEST)
    app = opened(run=run.id)
    assert "the cause is confirmed" in texts(app) and "Stop training" in labels(app)


def test_a_study_of_causes_finds_its_comparison() -> None:
    run = flipped()
    study_run = explained(run)
    app = opened(run=study_run.id)
    assert "The sentence that says hurts." in texts(app) and "It fails." in texts(app)


def test_a_study_without_its_comparison_tells_the_gap_and_offers_it() -> None:
    run = study("causes")
    app = opened(run=run.id)
    assert "Transfer hurts" in texts(app) and app.metric[0].value == "−20.0 points"
    spec = press(app, "Compare: ")
    assert isinstance(spec, CompareSpec) and spec.source == DataSpec("rendered_digits")


def test_without_a_source_causes_are_refused_in_a_sentence() -> None:
    app = opened(source="none", weights="store:a")
    assert "There is no source; name one." in texts(app)
    assert not [name for name in labels(app) if name.startswith("Look for causes")]


def test_the_atlas_of_these_domains_is_shown_and_one_of_others_says_so() -> None:
    run = comparison("hurts")
    study("atlas")
    app = opened(run=run.id)
    assert "One pair hurts." in texts(app) and "it lacks" not in texts(app)
    assert "Ask for an atlas with these domains" not in labels(app)
    other = CompareSpec(source=DataSpec("shapes"), target=DataSpec("digits"))
    Run.create(other).write_status(state="done")
    app = opened(run=other.run_id)
    assert "it lacks shapes" in texts(app)
    next(b for b in app.button if b.label == "Ask for an atlas with these domains").click().run()
    is_clean(app)
    assert app.title[0].value == "Studies"
    chosen = next(m for m in app.multiselect if m.label == "Domains").value
    assert chosen[:2] == ["shapes", "digits"] and len(chosen) == 3
    assert AtlasSpec.kind in str(app.button_group(key="widget:studies:kind").value)


@pytest.mark.parametrize("begins", ["Curves of both arms", "The study with all its figures"])
def test_each_section_leads_to_its_page(begins: str) -> None:
    run = flipped()
    why = explained(run)
    app = opened(run=run.id)
    next(b for b in app.button if b.label == begins).click().run()
    is_clean(app)
    title, shown = ("Curves", run) if begins.startswith("Curves") else ("Studies", why)
    assert app.title[0].value == title and app.query_params["run"] in (shown.id, [shown.id])


def test_another_transfer_is_chosen_from_the_menu_and_the_plan_again() -> None:
    run = flipped()
    app = opened()
    assert "The sentence that says hurts." in texts(app), "the newest, while nothing is known of the plan"
    app.selectbox[0].set_value("").run()
    is_clean(app)
    assert "Compare first" in texts(app) and "run" not in app.query_params
    app.selectbox[0].set_value(run.id).run()
    is_clean(app)
    assert "The sentence that says hurts." in texts(app)


def test_a_link_to_a_run_of_another_kind_shows_nothing_else() -> None:
    run = training()
    flipped()
    app = opened(run=run.id)
    assert "which this page does not show" in texts(app) and "The sentence" not in texts(app)


def test_a_result_of_another_version_is_a_sentence() -> None:
    run = flipped()
    home.write_atomic(run.path / "result.json", json.dumps({"arms": "of the future"}))
    assert "of another version" in texts(opened(run=run.id))
