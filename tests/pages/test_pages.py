"""Every page in every state that can be reached without a browser: empty, waiting, running, failed, finished."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
from safetensors.numpy import save
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from tests.support.pages import (
    ROOT,
    comparison,
    hand,
    is_clean,
    network_known,
    open_page,
    pictures_known,
    self_taught,
    texts,
    training,
)
from tests.support.pages import _no_workers as _no_workers
from tests.support.results import adapted, compared, trained
from tltk import home
from tltk.dashboard import chrome
from tltk.dashboard.chrome import PAGES
from tltk.dashboard.words import plain
from tltk.results.rows import Row
from tltk.runs.label import Label
from tltk.runs.run import Run, Status
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.race.spec import RaceSpec
from tltk.weights.handover import import_zip, pack_bytes
from tltk.weights.load import build_net


@pytest.mark.parametrize("name", PAGES)
def test_a_new_users_pages_say_what_to_do(name: str) -> None:
    app = open_page(name)
    is_clean(app)
    assert app.title[0].value
    assert {
        "workbench": "Show the pictures and the layers",
        "design": "Building",
        "train": "Nothing has been trained",
        "examine": "Nothing has been trained",
        "curves": "No comparison",
        "negative": "Compare first",
        "layers": "Building",
        "shift": "Reading the pictures",
        "choose": "Rank them",
        "use": "No training is done yet",
        "runs": "No runs yet",
        "studies": "No study of this kind",
        "domains": "Reading the pictures",
        "weights": "No weights here yet",
        "lessons": "0 of",
    }[name] in texts(app) + str([b.label for b in app.button])


@pytest.mark.parametrize("label", ["helps", "hurts", "cannot tell"])
def test_a_verdict_is_told_as_it_is(label: str) -> None:
    run = comparison(label)
    app = open_page("curves", run=run.id)
    is_clean(app)
    assert f"The sentence that says {label}." in texts(app)
    assert {"helps": "▲ Transfer helps", "hurts": "▼ Transfer hurts", "cannot tell": "● Cannot tell"}[label] in texts(
        app
    )
    gap, steps = (next(m.value for m in app.metric if m.label == name) for name in ("Gap", "Steps to scratch's best"))
    assert steps == "3.0 × fewer"
    assert gap == {"helps": "+20.0 points", "hurts": "−20.0 points", "cannot tell": "+1.0 points"}[label]


def test_the_sentence_does_not_say_its_heading_again() -> None:
    run = comparison("helps")
    found = compared("helps", 0.2)
    sentence = "Transfer helps: with 5 labels per class it is better."
    told = msgspec.structs.replace(found, verdict=dataclasses.replace(found.verdict, sentence=sentence))
    home.write_atomic(run.path / "result.json", msgspec.json.encode(told))
    said = texts(open_page("curves", run=run.id))
    assert "With 5 labels per class it is better." in said and said.count("Transfer helps") == 1


@pytest.mark.parametrize(("speed", "words"), [(1.02, "as many"), (0.5, "2.0 × more"), (2.0, "2.0 × fewer")])
def test_steps_are_compared_in_words_that_hold(speed: float, words: str) -> None:
    run = comparison("helps")
    found = run.result()
    assert found is not None
    found["verdict"]["speed_up_steps"] = speed
    home.write_atomic(run.path / "result.json", json.dumps(found))
    assert words in [m.value for m in open_page("curves", run=run.id).metric]


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_comparison_that_ended_badly_says_why_and_can_be_resumed(state: str) -> None:
    run = comparison("helps", state=state)
    app = open_page("curves", run=run.id)
    is_clean(app)
    assert "The reason." in texts(app)
    next(b for b in app.button if b.label == "Resume").click().run()
    from tltk.jobs import queue

    assert [job.run for job in queue.jobs()] == [run.id]


def test_train_shows_the_audit_of_a_finished_run() -> None:
    run = training()
    app = open_page("train", run=run.id)
    is_clean(app)
    assert "18 tensors" in texts(app) and "bit for bit" in texts(app)
    assert "42.0%" not in texts(app)  # the test accuracy is in its rows, not guessed from elsewhere
    assert next(m.value for m in app.metric if m.label == "Validation accuracy") == "40.0%"


def test_train_shows_no_accuracy_of_a_training_without_labels() -> None:
    app = open_page("train", run=self_taught().id)
    is_clean(app)
    shown = {m.label: m.value for m in app.metric}
    assert shown["Validation loss"] == shown["Test loss"] == "1.25" and not any("ccuracy" in name for name in shown)
    assert "it has no accuracy" in texts(app) and "52.0% of the test pictures" in texts(app)
    runs = open_page("runs")
    is_clean(runs)


def test_what_teaches_without_labels_is_launched_from_design() -> None:
    from tltk.jobs import queue

    app = open_page("design", source="none", weights="scratch", term="l2_sp")
    assert "Teach without labels" not in [b.label for b in app.button]
    app = open_page("design", source="none", weights="scratch", term="rotation")
    next(b for b in app.button if b.label == "Teach without labels").click().run()
    is_clean(app)
    [spec] = [s for s in (Run.at(job.run).spec for job in queue.jobs()) if isinstance(s, TransferSpec)]
    assert (spec.labels, spec.target.shots, [term.name for term in spec.terms]) == ("none", 0, ["rotation"])


def test_train_says_how_the_weights_were_fitted() -> None:
    run = training()
    net = build_net(NetSpec("test_resnet"), 10, 28, 1, 0)
    result = run.result()
    assert result is not None and net.fitting is not None
    assert net.fitting.sentence not in texts(open_page("train", run=run.id))
    home.write_atomic(run.path / "result.json", json.dumps({**result, "fitting": msgspec.to_builtins(net.fitting)}))
    app = open_page("train", run=run.id)
    is_clean(app)
    assert net.fitting.sentence in texts(app)


def test_train_shows_a_failure_as_its_sentence() -> None:
    run = training("failed", "The loss must stay a number. It became nan at step 3.")
    app = open_page("train", run=run.id)
    is_clean(app)
    assert "It became nan at step 3" in texts(app)


def test_a_running_training_can_be_stopped() -> None:
    from tltk.jobs import queue

    run = training("running")
    queue.add(run.id)
    queue.mark_started(run.id, [0], os.getpid(), psutil.Process().create_time())
    app = open_page("train", run=run.id)
    is_clean(app)
    next(b for b in app.button if b.key == "train:stop").click().run()
    assert run.stop_file.exists()
    assert queue.jobs()[0].cancelled


def test_design_shows_the_plan_once_the_worker_has_answered() -> None:
    from tltk.dashboard.plan import FIRST

    network_known(FIRST.target.size)
    pictures_known(FIRST.target)
    app = open_page("design")
    is_clean(app)
    assert "1,800 pictures of 10 classes" in texts(app)
    assert "bad.png: it is empty" in texts(app)
    boundary = next(s for s in app.selectbox if s.label == "Freeze boundary")
    assert len(boundary.options) == 6
    boundary.set_value(3).run()
    is_clean(app)
    assert app.session_state["plan"].net.boundary == 3
    assert app.query_params["boundary"] in ("3", ["3"])


def test_a_link_can_say_that_there_is_no_source() -> None:
    from tltk.dashboard.plan import FIRST

    for link in ({"source": "none"}, {"source": "none", "source-n": "50", "backbone": "resnet18"}):
        app = open_page("design", **link)
        is_clean(app)
        assert app.session_state["plan"].source is None
        assert app.session_state["plan"].net.backbone == link.get("backbone", FIRST.net.backbone)


def test_design_launches_what_the_plan_says() -> None:
    from tltk.dashboard.plan import FIRST

    network_known(FIRST.target.size)
    pictures_known(FIRST.target)
    app = open_page("design", boundary="2", strategy="discriminative", knob="decay=0.5", epochs="4")
    next(b for b in app.button if b.label == "Compare with scratch").click().run()
    specs = [Run(p).spec for p in home.folder("runs").iterdir()]
    [spec] = [s for s in specs if isinstance(s, CompareSpec)]
    assert spec.net.boundary == 2
    assert spec.strategy.name == "discriminative" and spec.strategy.knobs == {"decay": 0.5}
    assert spec.optim.epochs == 4


def test_a_link_that_cannot_be_meant_is_told_and_left_aside() -> None:
    app = open_page("workbench", lr="a lot")
    is_clean(app)
    assert "could not be understood" in texts(app)


def test_bad_values_are_told_and_change_nothing() -> None:
    app = open_page("design")
    rates = next(t for t in app.text_input if t.label.startswith("Rates to search"))
    rates.set_value("fast").run()
    is_clean(app)
    assert "must be numbers separated by commas" in texts(app)
    from tltk.dashboard.plan import FIRST

    assert app.session_state["plan"].lrs == FIRST.lrs


def test_runs_lists_comparisons_and_hides_their_trainings_until_asked() -> None:
    comparison("helps")
    app = open_page("runs")
    is_clean(app)
    assert list(app.dataframe[0].value["kind"]) == ["comparison"]
    app.toggle[0].set_value(True).run()
    assert sorted(app.dataframe[0].value["kind"]) == ["comparison", "training"]


def test_runs_calls_every_study_by_its_name() -> None:
    run = Run.create(RaceSpec())
    run.write_status(state="done", seconds=2.345)
    home.write_atomic(run.path / "result.json", "{}")
    shown = open_page("runs").dataframe[0].value.iloc[0]
    assert (shown["kind"], shown["result"], shown["boundary"], shown["seconds"]) == ("race", "", "", 2.3)


def actions_of(run: Run) -> AppTest:
    """What Runs offers for a run that is ticked: a tick cannot be set from here, so the page's own function is called."""
    page = str(ROOT / "pages" / "runs.py")
    script = (
        f"import runpy\npage = runpy.run_path({page!r})\n"
        f"page['actions'](next(e for e in page['index'].find() if e.id == {run.id!r}))"
    )
    return AppTest.from_string(script, default_timeout=60).run()


def test_what_the_button_of_a_run_gives_is_taken_in_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = training()
    (run.path / "model.safetensors").write_bytes(save({"a": np.zeros(2, np.float32)}))
    given: list[bytes] = []
    button = DeltaGenerator.download_button

    def press(self: Any, label: str, data: Any, *args: Any, **more: Any) -> Any:
        if label == "Export as zip":
            given.append(data())
        return button(self, label, data, *args, **more)

    monkeypatch.setattr(DeltaGenerator, "download_button", press)
    app = actions_of(run)
    is_clean(app)
    shown, *reports = app.get("download_button")
    assert (shown.proto.label, shown.proto.disabled) == ("Export as zip", False)
    assert [one.proto.label for one in reports] == ["Report (HTML)", "Figures (CSV)", "All of it (JSON)"]
    assert "Write it" in [b.label for b in app.button], "its weights, checked by a worker before they are given"
    file = tmp_path / "run.zip"
    file.write_bytes(given[0])
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "elsewhere"))
    found = import_zip(file)
    assert (found.imported, found.weights) == ([run.id], [run.id])
    assert Run.open(run.id).result() is not None


def test_a_training_that_is_done_and_has_weights_leads_to_use() -> None:
    run = training()
    assert "Use" not in [b.label for b in actions_of(run).button], "it has no weights"
    (run.path / "model.safetensors").write_bytes(b"x")
    assert "Use" in [b.label for b in actions_of(run).button]
    assert "Use" not in [b.label for b in actions_of(comparison("helps")).button]


def test_a_run_that_is_not_done_or_too_large_says_why_it_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    [shown] = actions_of(training("failed", "The reason.")).get("download_button")
    assert shown.proto.disabled and "that is done" in shown.proto.help
    run = training(boundary=3)
    (run.path / "model.safetensors").write_bytes(b"x")
    monkeypatch.setattr("tltk.weights.handover.weigh", lambda run: 2**31)
    shown, *_ = actions_of(run).get("download_button")
    assert shown.proto.disabled and f"tltk export {run.id} --to zip FILE" in shown.proto.help


def test_a_run_folder_of_another_version_hides_no_page() -> None:
    folder = home.folder("runs") / "abcdef012345"
    folder.mkdir()
    (folder / "spec.json").write_text('{"kind": "transfer", "from": "the future"}')
    for name in PAGES:
        is_clean(open_page(name))


def test_the_numbers_of_a_long_training_are_its_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    from tltk.dashboard import training_view

    monkeypatch.setattr(training_view, "NEWEST", 2000)
    run = training()
    rows = run.path / "rows.jsonl"
    rows.write_bytes(rows.read_bytes().replace(b"0.4", b"0.1") * 50 + rows.read_bytes())
    app = open_page("train", run=run.id)
    is_clean(app)
    assert next(m.value for m in app.metric if m.label == "Validation accuracy") == "40.0%"


def test_an_optimizer_that_is_none_is_refused_before_anything_is_queued() -> None:
    from tltk.jobs import queue

    app = open_page("design", optimizer="bananas")
    before = {job.run for job in queue.jobs()}
    next(b for b in app.button if b.label == "Compare with scratch").click().run()
    is_clean(app)
    assert "optimizer must be one of" in texts(app) and "'bananas'" in texts(app)
    assert {job.run for job in queue.jobs()} == before
    app = open_page("design")
    menu = next(s for s in app.selectbox if s.label == "Optimizer")
    assert "adamw" in menu.options and "bananas" not in menu.options


def test_design_offers_every_optimizer_that_a_spec_may_name() -> None:
    from tltk.jobs import queue
    from tltk.jobs.checking import OPTIMIZERS, SECOND_ORDER

    app = open_page("design", source="none", weights="scratch")
    menu = next(s for s in app.selectbox if s.label == "Optimizer")
    names = [option.partition(" · ")[0] for option in menu.options]
    assert names[:2] == ["adamw", "sgd"] and sorted(names) == sorted({*OPTIMIZERS} - {*SECOND_ORDER})
    assert "bnbadam · needs CUDA and bitsandbytes" in menu.options and menu.options[-1].endswith("needs CUDA and apex")
    menu.set_value("lion").run()
    is_clean(app)
    assert app.session_state["plan"].optim.optimizer == "lion"
    next(b for b in app.button if b.label == "Train once").click().run()
    is_clean(app)
    specs = [Run.at(job.run).spec for job in queue.jobs()]
    assert [s.optim.optimizer for s in specs if isinstance(s, TransferSpec)] == ["lion"]


def test_a_training_that_was_asked_to_stop_says_so_and_has_one_button() -> None:
    from tltk.jobs import queue

    run = training("running")
    queue.add(run.id)
    queue.mark_started(run.id, [0], os.getpid(), psutil.Process().create_time())
    app = open_page("train", run=run.id)
    assert [b.key for b in app.button if "Stop" in b.label] == ["train:stop"]
    next(b for b in app.button if b.key == "train:stop").click().run()
    [stop] = [b for b in app.button if "Stop" in b.label]
    assert stop.disabled and stop.label == "Stopping …"
    run.write_status(state="stopped")
    assert not [b for b in open_page("train", run=run.id).button if "Stop" in b.label]


def test_the_bar_of_jobs_has_the_button_on_other_pages() -> None:
    from tltk.jobs import queue

    run = training("running")
    queue.add(run.id)
    queue.mark_started(run.id, [0], os.getpid(), psutil.Process().create_time())
    app = open_page("runs")
    assert [b.key for b in app.button if "Stop" in b.label] == ["jobs:stop"]
    run.write_status(state="done")
    app.run()
    assert not [b for b in app.button if "Stop" in b.label]


def test_the_bar_tells_the_machine_and_what_waits_can_change_places() -> None:
    from tltk.jobs import queue

    runs = [training("running"), *(training("waiting", boundary=boundary) for boundary in (3, 4))]
    for run in runs:
        queue.add(run.id)
    queue.mark_started(runs[0].id, [0], os.getpid(), psutil.Process().create_time())
    app = open_page("runs")
    is_clean(app)
    [bar] = app.get("progress")
    assert "on cpu" in bar.proto.text and "GB of disk free" in bar.proto.text
    first, last = runs[1].id, runs[2].id
    assert [row["id"] for row in waiting_rows(app)] == [first, last]
    hand(app, "tltk_waiting", "moved", {"run": last, "before": first})
    assert [job.run for job in queue.jobs()] == [runs[0].id, last, first]
    assert [row["id"] for row in waiting_rows(app)] == [last, first]
    hand(app, "tltk_waiting", "moved", {"run": last, "before": None})
    assert [job.run for job in queue.jobs()] == [runs[0].id, first, last]
    for wrong in ({"run": runs[0].id, "before": first}, {"run": last, "before": "../x"}, {"before": None}, last, 3):
        hand(app, "tltk_waiting", "moved", wrong)
        assert [job.run for job in queue.jobs()] == [runs[0].id, first, last], "what runs, or is not there, stays"
    hand(app, "tltk_waiting", "off", first)
    is_clean(app)
    found = queue.find(first)
    assert found is None or found.cancelled, "it is heard at once"


def waiting_rows(app: AppTest) -> list[dict[str, str]]:
    [found] = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_waiting")]
    rows: list[dict[str, str]] = json.loads(found.json)["rows"]
    return rows


def test_the_last_change_of_the_plan_can_be_undone() -> None:
    app = open_page("design")
    undo = "Undo the last change of the plan"
    assert next(b for b in app.button if b.label == undo).disabled
    before = app.session_state["plan"]
    next(s for s in app.selectbox if s.label == "Strategy").set_value("lp_ft").run()
    assert app.session_state["plan"].strategy.name == "lp_ft"
    next(b for b in app.button if b.label == undo).click().run()
    is_clean(app)
    assert app.session_state["plan"] == before and next(b for b in app.button if b.label == undo).disabled
    assert next(s for s in app.selectbox if s.label == "Strategy").value == before.strategy.name


@pytest.mark.parametrize(
    ("held", "line", "words"),
    [
        ({"chance": 0.5, "majority": 0.51}, [0.5], "guessing: 50%"),
        ({"chance": 0.5, "majority": 0.8}, [0.8], "always the most frequent class: 80%"),
        ({"majority": 0.8}, [0.8], "always the most frequent class: 80%"),
        ({"chance": 0.25}, [0.25], "guessing: 25%"),
        ({}, [], ""),  # of an earlier version: how many classes there are says nothing of how frequent they are
    ],
)
def test_guessing_has_its_line_where_the_result_tells_it(held: dict[str, Any], line: list[float], words: str) -> None:
    run = training()
    result = run.result()
    assert result is not None
    home.write_atomic(run.path / "result.json", json.dumps({**result, "classes": ["a", "b"], **held}))
    app = open_page("train", run=run.id)
    is_clean(app)
    charts = [
        json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_plot")
    ]
    [layout] = [c["figure"]["layout"] for c in charts if "Accuracy" in c["alt"]]
    assert [s["y0"] for s in layout.get("shapes", [])] == line
    assert [a["text"] for a in layout.get("annotations", [])] == ([words] if words else [])


def test_adapter_and_terms_are_chosen_on_design_and_live_in_the_link() -> None:
    app = open_page("design", adapter="bias", term="l2_sp:weight=0.5", strategy="fine_tune")
    is_clean(app)
    held = app.session_state["plan"]
    assert held.adapter.name == "bias" and [(t.name, t.knobs) for t in held.terms] == [("l2_sp", {"weight": 0.5})]
    assert "BitFit" in texts(app) and "L2-SP" in texts(app)
    app.selectbox(key="plan:adapter:").set_value("norm").run()
    app.multiselect(key="plan:terms:").set_value(["l2_sp", "coral"]).run()
    is_clean(app)
    held = app.session_state["plan"]
    assert held.adapter.name == "norm"
    assert [(t.name, t.knobs) for t in held.terms] == [("l2_sp", {"weight": 0.5}), ("coral", {})]
    app.number_input(key="plan:terms:coral:weight").set_value(2.0).run()
    is_clean(app)
    assert app.session_state["plan"].terms[1].knobs == {"weight": 2.0}
    assert app.query_params["adapter"] in ("norm", ["norm"])
    assert app.query_params["term"] == ["l2_sp:weight=0.5", "coral:weight=2.0"]
    assert any("--adapter norm" in code.value and "--term coral:weight=2.0" in code.value for code in app.code)


# -- runs: found, named, and their attempts ------------------------------------------------------------------


def picked(app: AppTest, row: int) -> AppTest:
    """The page with this row of the table ticked."""
    app.session_state["runs:table:0"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return app.run()


def test_runs_are_named_on_the_page_and_found_by_it() -> None:
    first, other = training(boundary=2), training(boundary=3)
    app = open_page("runs")
    assert set(app.dataframe[0].value["run"]) == {first.id, other.id}
    row = list(app.dataframe[0].value["run"]).index(first.id)
    picked(app, row)
    is_clean(app)
    field = {f.label: f for f in (*app.text_input, *app.text_area)}
    field["Name"].set_value("My *first* [one](http://x)")
    field["Tags"].set_value("talk, digits")
    field["Note"].set_value("Old camera.")
    next(b for b in app.button if b.label == "Save").click().run()
    is_clean(app)
    assert first.label == Label("My *first* [one](http://x)", "Old camera.", ("talk", "digits"))
    assert "Old camera." in texts(app)
    app = open_page("runs")
    next(t for t in app.text_input if t.label == "Search").set_value("FIRST one").run()
    assert list(app.dataframe[0].value["run"]) == [first.id]
    assert list(app.dataframe[0].value["name"]) == ["My *first* [one](http://x)"]
    next(t for t in app.text_input if t.label == "Search").set_value("nowhere").run()
    assert "No run is as asked for" in texts(app)
    app = open_page("runs")
    next(m for m in app.multiselect if m.label == "Tags").set_value(["talk"]).run()
    assert list(app.dataframe[0].value["run"]) == [first.id]
    app = open_page("runs")
    next(m for m in app.multiselect if m.label == "State").set_value(["failed"]).run()
    assert "No run is as asked for" in texts(app)
    title = next(s for s in open_page("train", run=first.id).selectbox if s.label == "Run").options
    assert any("My *first* [one](http://x) ·" in option for option in title)


def test_a_label_that_is_none_is_refused_in_a_sentence() -> None:
    run = training()
    app = picked(open_page("runs"), 0)
    next(t for t in app.text_input if t.label == "Tags").set_value("x" * 40)
    next(b for b in app.button if b.label == "Save").click().run()
    is_clean(app)
    assert "A tag must have at most 32 characters" in texts(app)
    assert run.label == Label()


def test_what_was_found_before_is_listed_and_can_be_opened() -> None:
    run = training()
    app = picked(open_page("runs"), 0)
    assert not [s for s in app.selectbox if s.label == "Attempt"]
    next(b for b in app.button if b.label == "Train again").click().run()
    is_clean(app)
    assert run.attempts() == [1] and run.result() is None
    app = picked(open_page("runs"), 0)
    is_clean(app)
    assert next(s for s in app.selectbox if s.label == "Attempt").value == 1
    shown = {m.label: m.value for m in app.metric}
    assert shown["State"] == "done" and shown["Result"] not in ("", "–")
    assert str(run.attempt(1).path) in [c.value for c in app.code]


def test_what_a_training_was_asked_for_in_vain_is_said() -> None:
    run = training()
    said = "No layer of the backbone learns: the term coral changes nothing here."
    home.write_atomic(run.path / "result.json", msgspec.json.encode(trained(cautions=[said])))
    assert plain(said) in [warning.value for warning in open_page("train", run=run.id).warning]


def test_train_shows_what_terms_come_to_how_the_epoch_was_picked_and_which_classes_are_swapped() -> None:
    run = training()
    told = adapted(labels=[0, 0, 1, 1], predictions=[1, 1, 0, 1])
    home.write_atomic(run.path / "result.json", json.dumps(msgspec.to_builtins(told)))
    rows = [Row(1, 5, 1.0, "train", name, 0.5) for name in ("term.dann", "term.dann.accuracy", "term.dann.lambda")]
    with open(run.path / "rows.jsonl", "ab") as file:
        file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    app = open_page("train", run=run.id)
    is_clean(app)
    said = texts(app)
    assert "oracle: nobody has them" in said and "Accuracy on the source's test pictures at the end: 75.0%" in said
    assert {"What the terms come to, step by step", "Which classes are taken for which"} <= {
        e.label for e in app.expander
    }
    is_clean(open_page("train", run=training(boundary=3).id))


def test_the_end_of_a_run_is_told_once_on_whatever_page_one_is() -> None:
    from tltk.jobs import queue

    run = training("running")
    queue.add(run.id)
    queue.mark_started(run.id, [0], os.getpid(), psutil.Process().create_time())
    app = open_page("runs")
    is_clean(app)
    assert not app.toast
    run.write_status(state="done")
    queue.remove(run.id)
    app.run()
    is_clean(app)
    [told] = app.toast
    assert told.value.replace("\\", "").startswith("✓ Done: ")
    app.run()
    assert not app.toast


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status(epoch=2, epochs=10, seconds=8.0), " · about 32 s left"),
        (Status(epoch=1, epochs=11, seconds=60.0), " · about 10 min left"),
        (Status(epoch=0, epochs=10, seconds=8.0), ""),
        (Status(epoch=10, epochs=10, seconds=8.0), ""),
    ],
)
def test_the_time_that_is_left_is_told_once_something_is_done(status: Status, words: str) -> None:
    assert chrome.time_left(status) == words


@pytest.mark.parametrize("text", ["true", "True", "false", "False"])
def test_a_switch_in_a_link_is_what_it_says(text: str) -> None:
    app = open_page("design", source="none", weights="store:resnet10t_formulas", **{"keep-head": text})
    is_clean(app)
    assert app.session_state["plan"].net.keep_head is (text.lower() == "true")


def test_a_switch_that_is_neither_on_nor_off_is_told() -> None:
    app = open_page("workbench", **{"keep-head": "perhaps"})
    is_clean(app)
    assert "could not be understood" in texts(app)


def test_a_run_of_another_machine_is_taken_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = training()
    (run.path / "model.safetensors").write_bytes(save({"a": np.zeros(2, np.float32)}))
    packed = pack_bytes(run)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "another machine"))
    app = open_page("runs")
    app.file_uploader(key="runs:zip").set_value(("mine.zip", packed, "application/zip")).run()
    app.button(key="runs:import").click().run()
    is_clean(app)
    assert [s.value for s in app.success] == [f"Imported: {run.id}."]
    assert Run.open(run.id).status.state == "done"
    app.button(key="runs:import").click().run()
    assert "is here already" in texts(app)


def test_a_file_that_is_no_run_is_told_by_its_own_name() -> None:
    app = open_page("runs")
    app.file_uploader(key="runs:zip").set_value(("mine.zip", b"no zip at all", "application/zip")).run()
    app.button(key="runs:import").click().run()
    assert not app.exception and "mine" in app.error[0].value and "/tmp" not in app.error[0].value
