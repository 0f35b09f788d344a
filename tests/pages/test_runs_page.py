"""Runs: groups of seeds, runs and studies in one chart, what is deleted and put back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
from streamlit.testing.v1 import AppTest

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import comparison, is_clean, open_page, study, texts, training
from tltk import home
from tltk.runs import trash
from tltk.runs.run import Child, Run
from tltk.specs.training import TransferSpec
from tltk.studies.race.spec import RaceSpec

EMPTY: dict[str, Any] = {"text": "", "kinds": [], "states": [], "tags": []}


def seeds(n: int) -> list[Run]:
    """Trainings that differ by seed alone, with an accuracy of 0.5, 0.6, …"""
    first = training()
    spec, found = first.spec, [first]
    assert isinstance(spec, TransferSpec)
    result = first.result()
    assert result is not None
    for seed in range(n):
        run = first if seed == 0 else Run.create(dataclasses.replace(spec, seed=seed))
        home.write_atomic(run.path / "rows.jsonl", (first.path / "rows.jsonl").read_bytes())
        home.write_atomic(run.path / "result.json", msgspec.json.encode(result | {"accuracy": 0.5 + seed / 10}))
        run.write_status(state="done")
        found += [run] * (seed > 0)
    return found


def ticked(app: AppTest, rows: list[int], key: str = "runs:table:0") -> AppTest:
    """The page with these rows of the table ticked."""
    app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return app.run()


def chart(app: AppTest) -> dict[str, Any]:
    found = [
        json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.component_name.endswith("tltk_plot")
    ]
    shown: dict[str, Any] = found[-1]
    return shown


def press(app: AppTest, label: str) -> AppTest:
    return next(b for b in app.button if b.label == label).click().run()


def test_runs_that_differ_by_seed_alone_are_one_row() -> None:
    runs, other = seeds(3), training(boundary=3)
    app = open_page("runs")
    assert set(app.dataframe[0].value["run"]) == {*(run.id for run in runs), other.id}
    next(t for t in app.toggle if t.label.startswith("Group")).set_value(True).run()
    is_clean(app)
    shown = app.dataframe[0].value
    row = list(shown["runs"]).index(3)
    assert sorted(shown["runs"]) == [1, 3]
    assert set(shown["seeds"][row].split(", ")) == {"0", "1", "2"}
    assert (shown["results"][row], shown["done"][row]) == ("50.0 … 70.0%", "3 of 3")
    ticked(app, [row], f"runs:table:0:False:True:{json.dumps(EMPTY)}")
    is_clean(app)
    assert len(chart(app)["figure"]["data"]) == 3 and "Delete these 3" in [b.label for b in app.button]


def test_studies_have_one_group_for_all_seeds_too() -> None:
    spec = RaceSpec()
    other = dataclasses.replace(spec, first_seed=5)
    assert spec.group_id == other.group_id and spec.run_id != other.run_id


def test_trainings_and_studies_share_a_chart_with_a_legend() -> None:
    one, two = comparison("helps"), training(boundary=3)
    arms = {"scratch": [training(boundary=4)], "transfer": seeds(2)}
    one.write_children([Child(run.id, arm, "measure", 0, 0.001) for arm, runs in arms.items() for run in runs])
    two.write_label(name="My run")
    app = open_page("runs")
    assert len(app.dataframe[0].value) == 2
    ticked(app, [0, 1])
    is_clean(app)
    names = [trace["name"] for trace in chart(app)["figure"]["data"]]
    assert "My run" in names
    of_the_study = [name.rpartition(" · ")[2] for name in names if name != "My run"]
    assert of_the_study == ["scratch", "transfer, mean of 2 seeds"]
    assert one.id[:6] in " ".join(names)


def test_the_kind_can_be_chosen() -> None:
    study("race"), comparison("helps")
    app = open_page("runs")
    next(m for m in app.multiselect if m.label == "Kind").set_value(["race"]).run()
    is_clean(app)
    assert list(app.dataframe[0].value["kind"]) == ["race"]


def test_what_is_deleted_can_be_put_back_at_once_and_later() -> None:
    run, other = training(), training(boundary=3)
    before = sorted(path.name for path in run.path.iterdir())
    app = open_page("runs")
    press(ticked(app, [list(app.dataframe[0].value["run"]).index(run.id)]), "Delete")
    is_clean(app)
    assert not run.path.exists() and f"Deleted 1 run: {run.id}." in texts(app)
    press(app, "Undo")
    is_clean(app)
    assert sorted(path.name for path in run.path.iterdir()) == before and "Deleted 1 run" not in texts(app)
    assert "Delete" not in [b.label for b in app.button], "nothing is ticked after a change of the rows"
    ticked(app, [0, 1], "runs:table:2")
    press(app, "Delete these 2")
    is_clean(app)
    assert not run.path.exists() and not other.path.exists()
    later = open_page("runs")
    assert "No runs yet" in texts(later), "another visit has no Undo"
    next(m for m in later.multiselect if m.label == "Runs").set_value([other.id]).run()
    press(later, "Put back")
    is_clean(later)
    assert other.path.exists() and not run.path.exists()
    press(later, "Delete all of them for good")
    assert trash.entries() == []


def test_a_study_goes_with_the_trainings_that_are_its_alone() -> None:
    shared, own = training(boundary=3), training(boundary=4)
    race, other = study("race"), comparison("helps")
    race.write_children([Child(run.id, "fine_tune", "measure", 0, 0.001) for run in (shared, own)])
    other.write_children([Child(shared.id, "transfer", "measure", 0, 0.001)])
    app = open_page("runs")
    press(ticked(app, [list(app.dataframe[0].value["kind"]).index("race")]), "Delete")
    is_clean(app)
    assert not race.path.exists() and not own.path.exists() and shared.path.exists()
    press(app, "Undo")
    assert race.path.exists() and own.path.exists()
